/**
 * The router's document as properties of Spring, with the origin of each in errors. Start at {@link
 * RouterProperties}. This package uses no other one of its module.
 */
@NullMarked
package io.shardflux.spring.property;

import org.jspecify.annotations.NullMarked;
