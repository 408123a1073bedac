/**
 * Directories of keys that are kept in a table. Start at {@link TableDirectory}. This package may
 * use {@code live} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.directory;

import org.jspecify.annotations.NullMarked;
