package io.shardflux.api.failure;

import io.shardflux.router.Internal;

/**
 * An error in one field.
 *
 * @param field its JSON name
 * @param message the value and what was expected
 */
@Internal
public record FieldError(String field, String message) {}
