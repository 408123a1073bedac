/**
 * The transaction of a connection, over the shards that have joined it. Start at {@link
 * VirtualTransaction}. This package may use {@code failure}.
 */
@NullMarked
package io.shardflux.driver.transaction;

import org.jspecify.annotations.NullMarked;
