/**
 * Plans a SQL statement over shards: which shards it touches, what each is sent, and how their rows
 * become one answer. The planner does no I/O. Start at {@link SqlPlanner}.
 *
 * <p>The packages stand one above the other, and each uses only those before it. A text passes
 * through them like this:
 *
 * <dl>
 *   <dt>{@code statement}
 *   <dd>The terms that callers use: values, hints, routing, refusals.
 *   <dt>{@code merge}
 *   <dd>The plan, and the merging of rows.
 *   <dt>{@code syntax}
 *   <dd>Text to tree. {@code SqlText} cuts the text into tokens, {@code HintReader} reads its hint,
 *       and {@code StatementParser} with its parts makes a {@code Statement} of {@code Query} and
 *       {@code Expr}.
 *   <dt>{@code schema}
 *   <dd>{@code Schema} knows tables and their rules, {@code Scope} the columns that a name may
 *       mean.
 *   <dt>{@code keys}
 *   <dd>{@code KeyConditionReader} reads conditions on keys, {@code KeyRouter} evaluates them, and
 *       {@code Colocation} says which rows meet on one shard.
 *   <dt>{@code analysis}
 *   <dd>{@code Analysis} walks through the queries of a statement and {@code BlockAnalysis} through
 *       one select; a {@code Relation} is what a query gives to the one around it.
 *   <dt>{@code scatter}
 *   <dd>{@code ScatterPlanner} rewrites a select for the shards and puts the merge together.
 *   <dt>{@code gather}
 *   <dd>{@code GatherPlanner} has one server answer what no merge can: which rows it must be given,
 *       and what it is asked then.
 *   <dt>{@code ahead}
 *   <dd>{@code AheadPlanner} says which subqueries run first, so that the rest knows their values.
 *   <dt>{@code prepare}
 *   <dd>The preparation of each kind of statement.
 * </dl>
 */
@NullMarked
package io.shardflux.sql;

import org.jspecify.annotations.NullMarked;
