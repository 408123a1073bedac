/**
 * Health, endpoints and meters of shards, routers and moves. Start at {@link ShardsEndpoint}. This
 * package uses no other one of its module.
 */
@NullMarked
package io.shardflux.spring.actuate;

import org.jspecify.annotations.NullMarked;
