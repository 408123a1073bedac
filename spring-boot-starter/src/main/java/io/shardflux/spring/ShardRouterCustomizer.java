package io.shardflux.spring;

import io.shardflux.r2dbc.ShardRouterBuilder;

/**
 * Adds to the router that the properties {@code shardflux.*} describe, before it is built. Every
 * bean of this type is called once, in the order that {@code @Order} gives them.
 */
@FunctionalInterface
public interface ShardRouterCustomizer {

  /**
   * Changes the builder, on the thread that starts the application; with {@code shardflux.control}
   * on one that it waits for. An exception ends the start.
   *
   * @param builder filled from the properties; must not be kept or built
   */
  void customize(ShardRouterBuilder builder);
}
