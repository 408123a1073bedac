package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;

/**
 * A piece of work on one shard.
 *
 * @param text the statement, for errors and logs
 * @param read whether it may be done twice, and on a replica
 * @param stream whether its rows have no bound, so that a slow reader may keep its connection long
 * @param counting whether it gives one number, that of the rows that it changed
 * @param touching the kinds of server on which the session may have changed behind it
 * @param terms the terms that it is held to
 * @param execution its use of a connection
 */
@Internal
public record Work<T>(
    String text,
    boolean read,
    boolean stream,
    boolean counting,
    Set<Dialect> touching,
    Terms terms,
    BiFunction<Connection, Dialect, ? extends Publisher<T>> execution) {

  /** Work of a bounded result. */
  public Work(
      String text,
      boolean read,
      Set<Dialect> touching,
      Terms terms,
      BiFunction<Connection, Dialect, ? extends Publisher<T>> execution) {
    this(text, read, false, false, touching, terms, execution);
  }

  public static <T> Work<T> of(
      SqlTemplate sql,
      Terms terms,
      BiFunction<Connection, Dialect, ? extends Publisher<T>> execution) {
    return new Work<>(sql.text(), sql.reads() && !terms.write(), sql.touching(), terms, execution);
  }

  /** This work, which gives the number of rows that it changed. */
  public Work<T> asCounting() {
    return new Work<>(text, read, stream, true, touching, terms, execution);
  }

  /** Tells whether what it gave says that it changed no row. */
  public boolean changedNothing(T given) {
    return counting && given instanceof Long count && count == 0;
  }

  /** This work, done otherwise. */
  public Work<T> doing(BiFunction<Connection, Dialect, ? extends Publisher<T>> other) {
    return new Work<>(text, read, stream, counting, touching, terms, other);
  }

  /** This work, held to other times. */
  public Work<T> within(Timeouts times) {
    return new Work<>(text, read, stream, counting, touching, terms.with(times), execution);
  }

  /** This work, which is not done on a replica. */
  public Work<T> onPrimary() {
    Terms primary = terms.preferring(ReadPreference.PRIMARY);
    return new Work<>(text, read, stream, counting, touching, primary, execution);
  }

  /** This work where its rows come as its consumer takes them, in that many statements. */
  public Work<T> streamed(SqlTemplate sql, int statements) {
    boolean few = sql.bounded() || (terms.bounded() && statements == 1);
    return terms.write() || few
        ? this
        : new Work<>(text, read, true, counting, touching, terms, execution);
  }

  /** This work as a result that takes no stream's place. */
  public Work<T> alone() {
    return new Work<>(text, read, false, counting, touching, terms, execution);
  }

  /** Does work: a shard, or a transaction there. */
  public interface Target {

    <T> Flux<T> run(Work<T> work);

    /** A statement without values yet. */
    default StatementSpec statement(SqlTemplate sql, Terms terms) {
      return new DefaultStatementSpec(this, sql, Binds.NONE, terms);
    }

    /**
     * A statement with values, or NULLs, for all of its {@code ?} in their order; cheaper than to
     * bind one by one.
     *
     * @throws IllegalArgumentException if there are more or fewer {@code ?}
     */
    default StatementSpec statement(
        SqlTemplate sql, List<? extends @Nullable Object> values, Terms terms) {
      return new DefaultStatementSpec(this, sql, Binds.NONE.withAll(sql, values), terms);
    }

    /**
     * The statement of another target, with its values and terms, for this one.
     *
     * @throws IllegalArgumentException if no router made it
     */
    default StatementSpec moved(StatementSpec statement) {
      if (statement instanceof DefaultStatementSpec made) {
        return made.at(this);
      }
      throw new IllegalArgumentException(
          "statement: of " + statement.getClass() + " (expected: one that a router made)");
    }
  }

  /**
   * The terms that a caller may set for a statement.
   *
   * @param timeouts the times it is held to
   * @param preference the server that must be asked, or null for what the router says
   * @param write whether it writes, whatever it looks like
   * @param bounded whether its rows are few, whatever its text says
   */
  public record Terms(
      Timeouts timeouts, @Nullable ReadPreference preference, boolean write, boolean bounded) {

    public static Terms of(Timeouts timeouts) {
      return new Terms(timeouts, null, false, false);
    }

    public Terms with(Timeouts other) {
      return new Terms(other, preference, write, bounded);
    }

    public Terms preferring(ReadPreference other) {
      return new Terms(timeouts, other, write, bounded);
    }

    public Terms asWrite() {
      return new Terms(timeouts, preference, true, bounded);
    }

    public Terms asBounded() {
      return new Terms(timeouts, preference, write, true);
    }
  }
}
