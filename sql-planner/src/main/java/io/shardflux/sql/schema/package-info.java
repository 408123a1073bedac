/**
 * Tables, columns and their types, and the names that a part of a statement can see. Start at
 * {@link Schema}, then {@link Scope}. This package may use {@code syntax} and what stands below it.
 */
@NullMarked
package io.shardflux.sql.schema;

import org.jspecify.annotations.NullMarked;
