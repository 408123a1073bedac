package io.shardflux.r2dbc.statement;

import io.shardflux.router.Internal;
import java.util.List;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/** Runs statements: on a shard, or in a transaction there. */
@Internal
public interface StatementTarget {

  <T> Flux<T> run(Work<T> work);

  /** A statement without values yet. */
  static StatementSpec statement(StatementTarget target, SqlTemplate sql, Work.Terms terms) {
    return new DefaultStatementSpec(target, sql, Binds.NONE, terms);
  }

  /**
   * A statement with values, or NULLs, for all of its {@code ?} in their order; cheaper than to
   * bind one by one.
   *
   * @throws IllegalArgumentException if there are more or fewer {@code ?}
   */
  static StatementSpec statement(
      StatementTarget target,
      SqlTemplate sql,
      List<? extends @Nullable Object> values,
      Work.Terms terms) {
    return new DefaultStatementSpec(target, sql, Binds.NONE.withAll(sql, values), terms);
  }

  /**
   * The same statement, with its values and terms, for another target.
   *
   * @throws IllegalArgumentException if no router made it
   */
  static StatementSpec moved(StatementSpec statement, StatementTarget target) {
    if (statement instanceof DefaultStatementSpec made) {
      return made.at(target);
    }
    throw new IllegalArgumentException(
        "statement: of " + statement.getClass() + " (expected: one that a router made)");
  }
}
