/**
 * Failures as clients are told them. Start at {@link Failure}. This package uses no other package
 * of the module.
 */
@NullMarked
package io.shardflux.api.failure;

import org.jspecify.annotations.NullMarked;
