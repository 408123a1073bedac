/**
 * Users on the shards: reads, writes and uploads. Start at {@link Users}, then {@link Upload}. This
 * package may use {@code request} and what stands below it.
 */
@NullMarked
package io.shardflux.api.users;

import org.jspecify.annotations.NullMarked;
