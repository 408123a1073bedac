/**
 * When routers and ids open and close. Start at {@link RouterLifecycle}. This package uses no other
 * one of its module.
 */
@NullMarked
package io.shardflux.spring.lifecycle;

import org.jspecify.annotations.NullMarked;
