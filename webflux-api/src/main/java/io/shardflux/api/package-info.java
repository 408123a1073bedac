/**
 * Users over HTTP: a thin WebFlux application on top of the router. Start at {@link
 * UserController}, then {@link Users}.
 */
@NullMarked
package io.shardflux.api;

import io.shardflux.api.users.Users;
import org.jspecify.annotations.NullMarked;
