/**
 * The terms in which a statement is described to its caller: values, hints, kind, routing, texts
 * for shards, and refusals. Start at {@link Routing}. This package uses no other package of the
 * planner.
 */
@NullMarked
package io.shardflux.sql.statement;

import org.jspecify.annotations.NullMarked;
