/**
 * The plan of a statement, and the merging of the rows of several shards into one answer. Start at
 * {@link Plan}, then {@link Merge} and {@link Fold}. This package may use {@code statement}.
 */
@NullMarked
package io.shardflux.sql.merge;

import org.jspecify.annotations.NullMarked;
