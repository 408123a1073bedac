/**
 * Users over HTTP: a thin WebFlux application on top of the router. Start at {@link
 * UserController}, then {@link Users}.
 */
@NullMarked
package io.shardflux.api;

import org.jspecify.annotations.NullMarked;
