/** Users over HTTP: the thin WebFlux application on top of the router. */
@NullMarked
package io.shardflux.api;

import org.jspecify.annotations.NullMarked;
