/**
 * A SQL text with its named parameters, bound to one server's statement. Start at {@link
 * SqlTemplate}, then {@link BoundStatement}. This package may use {@code observe} and what stands
 * below it.
 */
@NullMarked
package io.shardflux.r2dbc.statement;

import org.jspecify.annotations.NullMarked;
