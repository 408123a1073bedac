package io.shardflux.api.wire;

import io.shardflux.router.Internal;

/**
 * A row of the table {@code users}. Immutable.
 *
 * @param id positive; the sharding key
 * @param username 1 to 64 characters
 * @param email 3 to 255 characters with an {@code @}
 * @param name 1 to 255 characters
 */
@Internal
public record User(long id, String username, String email, String name) {}
