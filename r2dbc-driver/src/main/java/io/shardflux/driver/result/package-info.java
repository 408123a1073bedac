/**
 * The results of a statement: rows that are requested when they are consumed, and changes that were
 * made. Start at {@link RowsResult}, then {@link Source}. This package may use {@code row} and
 * {@code failure}.
 */
@NullMarked
package io.shardflux.driver.result;

import org.jspecify.annotations.NullMarked;
