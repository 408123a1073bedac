/**
 * Users over HTTP: a thin WebFlux application on top of the router. Start at {@link
 * UserController}, then {@link Users}.
 *
 * <p>The packages stand one above the other. Each uses only those before it: {@code failure},
 * {@code wire}, {@code request}, {@code users}, {@code client}, and this one. They may use the API
 * of all modules below, and nothing that these mark as internal.
 */
@NullMarked
package io.shardflux.api;

import io.shardflux.api.users.Users;
import org.jspecify.annotations.NullMarked;
