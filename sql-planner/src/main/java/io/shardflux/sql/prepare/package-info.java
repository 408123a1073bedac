/**
 * The preparation of each kind of statement: reads, inserts, changes, and writes to several shards.
 * Start at {@link ReadPreparation}. This package may use {@code scatter} and what stands below it.
 */
@NullMarked
package io.shardflux.sql.prepare;

import org.jspecify.annotations.NullMarked;
