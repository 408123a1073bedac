/**
 * A statement on several shards: one answer of their rows, or one write on all of them or none.
 * Start at {@link ScatterSource}, then {@link JointWrite}. This package may use {@code transaction}
 * and what stands below it.
 */
@NullMarked
package io.shardflux.driver.scatter;

import org.jspecify.annotations.NullMarked;
