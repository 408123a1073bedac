/**
 * Users and failures as lines and JSON, read and written. Start at {@link NdjsonLine}, then {@link
 * Ndjson}. This package may use {@code failure}.
 */
@NullMarked
package io.shardflux.api.wire;

import org.jspecify.annotations.NullMarked;
