package io.shardflux.driver;

import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Clob;
import io.r2dbc.spi.Parameter;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.driver.row.Arguments;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A statement for the shards that its text and values name. */
final class VirtualStatement implements Statement {

  private static final List<String> EXPLAIN = List.of("EXPLAIN", "SHARDS");

  /** Stands for NULL, because null stands for a value that is still missing. */
  private static final Object NULL = new Object();

  private final VirtualConnection connection;
  private final String sql;
  private final boolean explain;
  private final Markers markers;
  private final List<Binds> added = new ArrayList<>();
  private List<@Nullable Object> current = new ArrayList<>();
  private @Nullable String @Nullable [] generated;
  private int fetchSize;

  VirtualStatement(VirtualConnection connection, String text) {
    this.connection = connection;
    int explained = explained(text);
    this.explain = explained > 0;
    this.sql = text.substring(explained);
    this.markers = Markers.of(sql, known());
  }

  /** The position where the statement to explain begins; 0 if there is none. */
  private static int explained(String text) {
    int at = afterSpace(text, 0);
    for (String word : EXPLAIN) {
      int end = at + word.length();
      int next = afterSpace(text, end);
      if (!text.regionMatches(true, at, word, 0, word.length()) || next <= end) {
        return 0;
      }
      at = next;
    }
    return at;
  }

  private static int afterSpace(String text, int from) {
    int at = from;
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at;
  }

  /** The known analysis, or null. A text that is known to be refused is refused when it is run. */
  private @Nullable Prepared known() {
    try {
      SqlEngine engine = connection.engine();
      return engine.known(sql, engine.router().topology());
    } catch (RefusedSqlException refused) {
      return null;
    }
  }

  @Override
  public Statement add() {
    added.add(bound());
    current = new ArrayList<>();
    return this;
  }

  @Override
  public Statement bind(int index, Object value) {
    Arguments.require(value, "value");
    return set(markers.index(index), value);
  }

  @Override
  public Statement bind(String name, Object value) {
    Arguments.require(name, "name");
    Arguments.require(value, "value");
    return set(markers.index(name), value);
  }

  @Override
  public Statement bindNull(int index, Class<?> type) {
    Arguments.require(type, "type");
    return set(markers.index(index), NULL);
  }

  @Override
  public Statement bindNull(String name, Class<?> type) {
    Arguments.require(name, "name");
    Arguments.require(type, "type");
    return set(markers.index(name), NULL);
  }

  private Statement set(int index, Object value) {
    if (value instanceof Parameter.Out) {
      throw new IllegalArgumentException(
          "bind: an OUT parameter (expected: IN, as no statement here has others)");
    }
    Object given = value instanceof Parameter parameter ? parameter.getValue() : value;
    if (given instanceof Class) {
      throw new IllegalArgumentException(
          "bind: a class (expected: a value; bindNull takes a class)");
    }
    while (current.size() <= index) {
      current.add(null);
    }
    current.set(index, given == null ? NULL : given);
    return this;
  }

  @Override
  public Statement returnGeneratedValues(String... columns) {
    Arguments.require(columns, "columns");
    for (String column : columns) {
      Arguments.require(column, "column");
    }
    generated = columns.clone();
    return this;
  }

  @Override
  public Statement fetchSize(int rows) {
    if (rows < 0) {
      throw new IllegalArgumentException("fetch size: " + rows + " (expected: 0 or more)");
    }
    fetchSize = rows;
    return this;
  }

  @Override
  public Flux<? extends Result> execute() {
    List<Binds> all = new ArrayList<>(added);
    all.add(bound());
    Execution execution = execution();
    return all.size() == 1
        ? run(execution, all.get(0)).flux()
        : Flux.fromIterable(all).concatMap(binds -> run(execution, binds), 1);
  }

  /** Runs the statement, and takes its rows. */
  Mono<Result> executeWhole() {
    Execution execution = execution();
    return run(execution, bound()).flatMap(execution::whole);
  }

  private Execution execution() {
    return new Execution(connection, sql, generated, fetchSize);
  }

  private Mono<Result> run(Execution execution, Binds binds) {
    return Mono.deferContextual(
        context -> {
          connection.checkOpen();
          Hints hints = ShardfluxConnectionFactory.hints(context).or(connection.defaults());
          return explain
              ? execution.explain(prepared -> binds, hints).map(Execution::shown)
              : execution.run(binds, hints);
        });
  }

  /**
   * The bound values. A value that is missing far behind the others is told when the text is
   * planned.
   */
  private Binds bound() {
    @Nullable Object[] values = current.toArray();
    for (int i = 0; i < values.length; i++) {
      if (values[i] == null) {
        throw missing(i);
      }
      if (values[i] == NULL) {
        values[i] = null;
      }
    }
    if (markers.exceed(values.length)) {
      throw missing(values.length);
    }
    return binds(values);
  }

  static IllegalStateException missing(int marker) {
    return new IllegalStateException(
        "bind: no value for marker " + marker + " (expected: one for each)");
  }

  // The class file does not tell that the array holds nulls.
  @SuppressWarnings("NullAway")
  static Binds binds(@Nullable Object[] values) {
    return Binds.of(values);
  }

  /** Tells whether a value can be sent only once. */
  static boolean once(@Nullable Object value) {
    return value instanceof Blob || value instanceof Clob;
  }
}
