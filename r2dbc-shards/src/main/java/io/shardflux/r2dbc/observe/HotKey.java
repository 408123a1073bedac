package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardKey;

/**
 * A key that a table was often asked for by, over the last two to three minutes, and how often. The
 * count is estimated: it lies between the two bounds, which are the same where the table was asked
 * for by few different keys, up to about 700 a minute. Beyond that they lie at most 0.35 % of all
 * that was counted apart, but for keys that came at the moment of reading or that were skipped
 * because too many threads met: those make {@code atMost} higher.
 *
 * @param key the key; a user's data, so mind where it goes. The router never logs it
 * @param atLeast how often it came at least
 * @param atMost how often it came at most
 */
public record HotKey(ShardKey key, long atLeast, long atMost) {}
