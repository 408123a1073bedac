package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardKey;

/**
 * A key that a table was often asked for by, over the last two to three minutes, with an estimated
 * count. The count lies between the two bounds. They are the same where the table was asked for by
 * few different keys, up to about 700 a minute. Beyond that they differ by at most 0.35 % of all
 * that was counted. Keys that came at the moment of reading, or that were skipped because too many
 * threads met, make {@code atMost} higher than that.
 *
 * @param key the key; it is a user's data, so take care where it goes. The router never logs it
 * @param atLeast the lower bound of the count
 * @param atMost the upper bound of the count
 */
public record HotKey(ShardKey key, long atLeast, long atMost) {}
