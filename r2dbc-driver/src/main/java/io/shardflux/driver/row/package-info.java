/**
 * Rows and columns as this driver gives them. Start at {@link Column}, then {@link HeldRow}. This
 * package uses no other package of the module.
 */
@NullMarked
package io.shardflux.driver.row;

import org.jspecify.annotations.NullMarked;
