/**
 * The errors of statements over several shards, and refusals as errors of R2DBC. Start at {@link
 * MissingShardsException}, then {@link Refusals}. This package uses no other package of the module.
 */
@NullMarked
package io.shardflux.driver.failure;

import org.jspecify.annotations.NullMarked;
