/**
 * Requests as they are asked, checked. Start at {@link UserReader}, then {@link ReadRequest}. This
 * package may use {@code wire} and {@code failure}.
 */
@NullMarked
package io.shardflux.api.request;

import org.jspecify.annotations.NullMarked;
