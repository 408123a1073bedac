package io.shardflux.api;

/**
 * An error in one field.
 *
 * @param field its JSON name
 * @param message the value and what was expected
 */
record FieldError(String field, String message) {}
