/**
 * Reads that one server answers, which is given the rows of others. Start at {@link GatherSource}.
 * This package may use {@code scatter} and what stands below it.
 */
@NullMarked
package io.shardflux.driver.gather;

import org.jspecify.annotations.NullMarked;
