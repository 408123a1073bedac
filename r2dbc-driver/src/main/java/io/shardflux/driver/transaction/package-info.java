/**
 * The transaction of a connection, which is on one shard. Start at {@link VirtualTransaction}. This
 * package may use {@code failure}.
 */
@NullMarked
package io.shardflux.driver.transaction;

import org.jspecify.annotations.NullMarked;
