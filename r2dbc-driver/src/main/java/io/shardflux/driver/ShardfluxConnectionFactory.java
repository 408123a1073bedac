package io.shardflux.driver;

import io.r2dbc.spi.Closeable;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryMetadata;
import io.r2dbc.spi.ConnectionMetadata;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.router.Topology;
import io.shardflux.sql.Foreseen;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.SqlPlanner;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * Gives connections to all shards as if they were one database. Each statement's answer is the one
 * that a single big database would give. Where that can't be known, the statement is refused by an
 * {@link io.r2dbc.spi.R2dbcBadGrammarException} that says why and what to do instead, and nothing
 * is sent.
 *
 * <p>Thread-safe. Connections cost nothing, so they must not be pooled: they take the shards'
 * pooled connections for each statement or transaction. The tables' columns are read from the
 * shards with the first statement.
 */
public final class ShardfluxConnectionFactory implements ConnectionFactory, Closeable {

  /** The key of hints in the Reactor context. */
  private static final Class<Hints> HINTS = Hints.class;

  /** Spring and others choose their dialect by this name. */
  private static final String PRODUCT = "Shardflux (MySQL)";

  private final SqlEngine engine;
  private final Metadata metadata;
  private final Hints defaults;

  ShardfluxConnectionFactory(SqlEngine engine) {
    this(engine, new Metadata(engine), Hints.NONE);
  }

  private ShardfluxConnectionFactory(SqlEngine engine, Metadata metadata, Hints defaults) {
    this.engine = engine;
    this.metadata = metadata;
    this.defaults = defaults;
  }

  /**
   * {@return a factory over a router, with the planner's default bounds; see {@link
   * io.shardflux.r2dbc.ShardRouterBuilder#scatterReads}}
   *
   * @param router the router of the statements; {@link #close} closes it too
   */
  public static ShardfluxConnectionFactory of(ShardRouter router) {
    return of(router, PlannerOptions.defaults());
  }

  /**
   * {@return a factory over a router, with other bounds of the planner}
   *
   * @param router the router of the statements; {@link #close} closes it too
   * @param options the planner's bounds
   */
  public static ShardfluxConnectionFactory of(ShardRouter router, PlannerOptions options) {
    return new ShardfluxConnectionFactory(new SqlEngine(router, options));
  }

  /**
   * {@return hints for all statements of a subscription, for {@code contextWrite}} Hints in a
   * statement's first comment take precedence.
   *
   * @param hints the hints; what is unspecified in them is left to the router's settings
   */
  public static Function<Context, Context> hints(Hints hints) {
    return context -> context.put(HINTS, hints);
  }

  /**
   * {@return a factory over the same router whose statements have hints where neither their text
   * nor their subscription has others} With {@code everyShard}, scripts can define tables whose
   * comments are not sent, as Spring's. To close it is to close this factory.
   *
   * @param others the hints; what is unspecified in them is left to this factory
   */
  public ShardfluxConnectionFactory with(Hints others) {
    return new ShardfluxConnectionFactory(engine, metadata, others.or(defaults));
  }

  static Hints hints(ContextView context) {
    Hints hints = context.<Hints>getOrEmpty(HINTS).orElse(Hints.NONE);
    TransactionMode mode = TransactionMode.of(context);
    ReadConsistency consistency = ReadConsistency.of(context);
    return mode == null && consistency == null
        ? hints
        : hints.or(
            Hints.builder().transactions(named(mode)).consistency(named(consistency)).build());
  }

  private static @Nullable String named(@Nullable Enum<?> value) {
    return value == null ? null : value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The consistency that the hint names. */
  static ReadConsistency consistency(Hints hints) {
    String hint = hints.consistency();
    if (hint == null) {
      return ReadConsistency.EACH_SHARD;
    }
    try {
      return ReadConsistency.valueOf(hint.toUpperCase(Locale.ROOT).replace('-', '_'));
    } catch (IllegalArgumentException unknown) {
      throw new IllegalArgumentException(
          "consistency: " + hint + " (expected: snapshot or each-shard)", unknown);
    }
  }

  /** The mode that the hint {@code transactions} names, which must be there. */
  static TransactionMode mode(Hints hints) {
    String hint = Objects.requireNonNull(hints.transactions());
    try {
      return TransactionMode.valueOf(hint.toUpperCase(Locale.ROOT).replace('-', '_'));
    } catch (IllegalArgumentException unknown) {
      throw new IllegalArgumentException(
          "transactions: " + hint + " (expected: single, single-writer, atomic or best-effort)",
          unknown);
    }
  }

  @Override
  public Mono<Connection> create() {
    return Mono.fromSupplier(this::connection);
  }

  private VirtualConnection connection() {
    // Otherwise a stub in the router's place would be met by the first statement.
    var unused = engine.access();
    return new VirtualConnection(engine, metadata, defaults);
  }

  @Override
  public ConnectionFactoryMetadata getMetadata() {
    return () -> PRODUCT;
  }

  /**
   * Says what would be done for a statement, which is not sent to its shards. Errors with {@link
   * IllegalArgumentException} if there are not as many values as markers.
   *
   * @param sql one statement, as it would be executed
   * @param values the values of the markers, in their order
   * @return what would be done; a refusal is part of it, not an error
   */
  public Mono<Explanation> explain(String sql, @Nullable Object... values) {
    Binds binds = VirtualStatement.binds(values);
    return explained(sql, prepared -> binds);
  }

  /**
   * Says the same for a statement with named markers. Errors with {@link IllegalArgumentException}
   * if the names are not those of the markers.
   *
   * @param sql one statement, as it would be executed
   * @param values the values of the markers, by name
   * @return what would be done; a refusal is part of it, not an error
   */
  public Mono<Explanation> explain(String sql, Map<String, ? extends @Nullable Object> values) {
    return explained(sql, prepared -> Markers.of(prepared).binds(values));
  }

  private Mono<Explanation> explained(String sql, Function<Prepared, Binds> binds) {
    return Mono.deferContextual(
        context ->
            new Execution(connection(), sql, null, 0).explain(binds, hints(context).or(defaults)));
  }

  /**
   * Reads the tables' columns on all shards, and gives a line for each fault: a table with a rule
   * that is not on all of its shards, or not alike on them; a key that statements can't go by, see
   * {@link Catalog#keyFaults}; a shard that does not answer. Statements that go by such a key are
   * refused whether or not this method is called. Errors if a shard's SQL mode is unknown, or if no
   * shard answers.
   *
   * @return a line for each fault; empty if there is none
   */
  public Mono<List<String>> check() {
    return engine.check();
  }

  /**
   * Says which of the statements that were sent lately would be answered at a higher price, or
   * refused, if the tables had other rules: as those of a database that shall be split into shards.
   * Nothing is sent but what reads the tables' columns. Values are not shown.
   *
   * @param then the topology with the other rules
   * @return a line for each, the worst first, of {@value SqlPlanner#MOST_FORESEEN} texts at most;
   *     empty if none is
   */
  public Flux<String> foresee(Topology then) {
    return Mono.defer(() -> engine.foresee(then))
        .flatMapIterable(texts -> texts)
        .map(Foreseen::toString);
  }

  /** {@return the router of this factory} */
  public ShardRouter router() {
    return engine.router();
  }

  /** Closes the router; see {@link ShardRouter#close()}. */
  @Override
  public Mono<Void> close() {
    return engine.router().close();
  }

  /** Metadata of the servers, which are all alike. */
  private record Metadata(SqlEngine engine) implements ConnectionMetadata {

    @Override
    public String getDatabaseProductName() {
      return PRODUCT;
    }

    @Override
    public String getDatabaseVersion() {
      return engine.version();
    }
  }
}
