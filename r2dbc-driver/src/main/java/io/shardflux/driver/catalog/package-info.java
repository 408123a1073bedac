/**
 * The tables' columns as the shards tell them, and whether they still are so. Start at {@link
 * CatalogSource}, then {@link TableWatch}. This package may use {@code failure}.
 */
@NullMarked
package io.shardflux.driver.catalog;

import org.jspecify.annotations.NullMarked;
