/**
 * The meaning of a statement's queries: which tables, joins, names and conditions each has. Start
 * at {@link Analysis}, then {@link BlockAnalysis}. This package may use {@code keys} and what
 * stands below it.
 */
@NullMarked
package io.shardflux.sql.analysis;

import org.jspecify.annotations.NullMarked;
