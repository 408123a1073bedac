/**
 * The text of a statement, cut into tokens and parsed into a tree that keeps each piece of the
 * text. Start at {@link SqlText}, then {@link StatementParser}. This package may use {@code
 * statement} and {@code merge}.
 */
@NullMarked
package io.shardflux.sql.syntax;

import org.jspecify.annotations.NullMarked;
