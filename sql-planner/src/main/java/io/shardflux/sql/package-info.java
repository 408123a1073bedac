/**
 * What a SQL statement asks of which shards, and how their rows become one answer. No I/O.
 *
 * <p>A text goes through the package in this order:
 *
 * <dl>
 *   <dt>Reading
 *   <dd>{@code SqlText} cuts a text into {@code Token}s and {@code HintReader} reads its hint.
 *       {@code Parser}, {@code FunctionParser}, {@code ExprParser}, {@code QueryParser} and {@code
 *       StatementParser} make a {@code Statement} of {@code Query} and {@code Expr}.
 *   <dt>Names
 *   <dd>{@code Schema} knows tables and their rules, {@code WithNames} those of {@code WITH},
 *       {@code Scope} columns, {@code Block} what {@code GROUP BY} means. {@code Types} and {@code
 *       Functions} say how values are ordered, {@code Volatility} what else an answer depends on.
 *   <dt>Analysis
 *   <dd>{@code Analysis} goes through the queries of a statement, {@code BlockAnalysis} through one
 *       select: {@code FromAnalysis} its tables and joins, {@code Conditions} what is said of keys,
 *       {@code ExprAnalysis} the rest. What a query gives to the one around it is a {@code
 *       Relation}, made by {@code Projection} and {@code UnionAnalysis}.
 *   <dt>Keys
 *   <dd>{@code JoinEqualities} makes key columns one class and {@code Colocation} says which rows
 *       meet on one shard. {@code KeyConditionReader} reads a {@code KeyCondition}, which {@code
 *       KeyRouter} evaluates, and {@code ClusterRouter} joins to a {@code Routing}.
 *   <dt>Plans
 *   <dd>{@code Preparation} makes a {@code StatementPlan}, by {@code ReadPreparation} with {@code
 *       UnionRewrite} and {@code ScatterLimit}, {@code InsertPreparation}, or {@code
 *       ChangePreparation}; writes to several shards are a {@code ScatteredWrite}.
 *   <dt>Scattered selects
 *   <dd>{@code ScatterPlanner} puts a select together again: {@code SelectList} says what names and
 *       positions mean, {@code Equivalence} what is the same, {@code Groups} what is grouped by,
 *       {@code MergedAggregates}, {@code MergedHaving} and {@code MergedOrder} how each clause is
 *       merged, {@code Computations} what is computed of it, {@code SortKeys} and {@code
 *       HiddenColumns} by which columns. {@code ShardExpressions} and {@code ShardSelect} write
 *       what a shard is sent.
 *   <dt>Merging
 *   <dd>{@code Merge} and {@code Fold} make one answer of the shards' rows, by {@code SortKey},
 *       {@code Aggregate} and {@code Computation} over {@code Values}.
 * </dl>
 */
@NullMarked
package io.shardflux.sql;

import org.jspecify.annotations.NullMarked;
