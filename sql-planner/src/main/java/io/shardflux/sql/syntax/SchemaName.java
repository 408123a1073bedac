package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;

/**
 * A table that a text names with its database.
 *
 * @param database the database's name
 * @param table the table's name, or its alias beside a column
 * @param span the database's name and the dot behind it
 */
@Internal
public record SchemaName(String database, String table, Span span) {}
