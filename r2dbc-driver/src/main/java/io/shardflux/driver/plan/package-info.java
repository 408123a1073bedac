/**
 * Plans of SQL texts by the tables as they are, made off the event loops. Start at {@link
 * SqlEngine}. This package may use {@code catalog} and what stands below it.
 */
@NullMarked
package io.shardflux.driver.plan;

import org.jspecify.annotations.NullMarked;
