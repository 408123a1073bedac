/**
 * How rows get from one server to another: sessions, triggers that note what changes, chunks that
 * are copied as literals, and the fence that closes behind the last change. Start at {@link
 * Transfer}, then {@link Capture} and {@link Fence}. {@link MovedTable} has the SQL. This package
 * uses no other one of its module.
 */
@NullMarked
package io.shardflux.reshard.transfer;

import org.jspecify.annotations.NullMarked;
