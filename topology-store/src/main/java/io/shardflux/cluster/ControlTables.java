package io.shardflux.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The control server's tables, which all routers of a cluster share: the history of the topology,
 * the one row that all poll, the registry of routers, and the operators' orders. All times are the
 * server's. Thread-safe.
 */
final class ControlTables {

  /** The version of the tables. A router refuses tables of a version that it does not know. */
  static final int VERSION = 1;

  static final List<String> CREATE =
      List.of(
          """
          CREATE TABLE IF NOT EXISTS shardflux_topology (
            epoch BIGINT NOT NULL PRIMARY KEY,
            document MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
            routing CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            origin VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            made_by VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
            made_at DATETIME(6) NOT NULL,
            why VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
            KEY (routing)
          ) ENGINE = InnoDB\
          """,
          """
          CREATE TABLE IF NOT EXISTS shardflux_control (
            id TINYINT NOT NULL PRIMARY KEY,
            version INT NOT NULL,
            cluster CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            epoch BIGINT NOT NULL,
            orders BIGINT NOT NULL
          ) ENGINE = InnoDB\
          """,
          """
          CREATE TABLE IF NOT EXISTS shardflux_router (
            router CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            host VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
            version VARCHAR(32) CHARACTER SET utf8mb4 NOT NULL,
            epoch BIGINT NOT NULL,
            seen_at DATETIME(6) NOT NULL,
            lease_until DATETIME(6) NOT NULL,
            statistics TEXT CHARACTER SET utf8mb4 NOT NULL,
            KEY (lease_until)
          ) ENGINE = InnoDB\
          """,
          """
          CREATE TABLE IF NOT EXISTS shardflux_order (
            shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            made_by VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
            made_at DATETIME(6) NOT NULL,
            why VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL
          ) ENGINE = InnoDB\
          """);

  private static final ShardId CONTROL = ShardId.of("control");
  private static final int NO_SUCH_TABLE = 1146;
  private static final int CONNECTIONS = 2;
  private static final Timeouts CREATION = Timeouts.of(Duration.ofSeconds(30));
  private static final Timeouts OTHERS = Timeouts.of(Duration.ofSeconds(10));

  /**
   * The one row that all routers poll.
   *
   * @param cluster the cluster's id
   * @param epoch the epoch that was published last; 0 while there is none
   * @param orders one more with each change of the orders
   * @param switchesSoon true if a move is about to switch keys, where that was asked
   */
  record Head(UUID cluster, long epoch, long orders, boolean switchesSoon) {}

  private final ShardRouter server;
  private final Timeouts look;

  /**
   * Connects to nothing.
   *
   * @param bound the time for each statement of a look
   */
  ControlTables(Shard control, Duration bound) {
    this.look = Timeouts.of(bound);
    Shard named = new Shard(CONTROL, control.options(), pool(control), List.of());
    this.server = ShardRouter.builder().shard(named).timeouts(OTHERS).build();
  }

  private static PoolOptions pool(Shard control) {
    PoolOptions own = control.pool();
    return own == null ? PoolOptions.builder().maxSize(CONNECTIONS).build() : own;
  }

  /** Makes the tables that are not there, and the id of a cluster that has none. */
  Mono<Void> create() {
    return Flux.concat(Flux.fromIterable(CREATE), Flux.fromIterable(Jobs.CREATE))
        .concatMap(table -> sql(table).timeouts(CREATION).rowsUpdated())
        .then(
            // Random bytes may wait for a file.
            Mono.fromCallable(UUID::randomUUID).subscribeOn(Schedulers.boundedElastic()))
        .flatMap(
            cluster ->
                sql("INSERT IGNORE INTO shardflux_control VALUES (1, :version, :cluster, 0, 0)")
                    .bind("version", VERSION)
                    .bind("cluster", cluster.toString())
                    .rowsUpdated())
        .then();
  }

  /**
   * The row that all poll. Errors with {@link IllegalStateException} if there is none, or the
   * tables are of another version.
   */
  Mono<Head> head() {
    return head(false);
  }

  /**
   * The same.
   *
   * @param keysMove whether it is asked what the newest job, which moves them, is about to do
   */
  Mono<Head> head(boolean keysMove) {
    return sql("SELECT version, cluster, epoch, orders, "
            + (keysMove ? Jobs.SWITCHES_SOON : "0")
            + " FROM shardflux_control WHERE id = 1")
        .timeouts(look)
        .map((row, metadata) -> head(row))
        .one()
        .onErrorMap(ControlTables::noTable, error -> missing())
        .switchIfEmpty(Mono.error(ControlTables::missing));
  }

  private static Head head(Row row) {
    int version = number(row, 0).intValue();
    if (version != VERSION) {
      throw new IllegalStateException(
          "control: tables of version "
              + version
              + " (expected: version "
              + VERSION
              + ", the one that this Shardflux knows; upgrade the routers before the tables)");
    }
    return new Head(
        UUID.fromString(text(row, 1)), number(row, 2), number(row, 3), number(row, 4) > 0);
  }

  static boolean noTable(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == NO_SUCH_TABLE;
  }

  private static IllegalStateException missing() {
    return new IllegalStateException(
        "control: no control tables (expected: those of src/sql/control.sql; set"
            + " control.create-tables: true to have them made)");
  }

  /** A published topology; empty if there is none of that epoch. */
  Mono<PublishedTopology> topology(long epoch) {
    return sql(TOPOLOGY + " WHERE epoch = :epoch")
        .timeouts(look)
        .bind("epoch", epoch)
        .map((row, metadata) -> topology(row))
        .one();
  }

  /** The last topologies, the newest first. */
  Flux<PublishedTopology> history(int most) {
    return sql(TOPOLOGY + " ORDER BY epoch DESC LIMIT " + most)
        .map((row, metadata) -> topology(row))
        .all();
  }

  /** The newest topology that was published from a document; empty if there is none. */
  Mono<PublishedTopology> newestDocument() {
    return sql(TOPOLOGY + " WHERE origin = 'DOCUMENT' ORDER BY epoch DESC LIMIT 1")
        .map((row, metadata) -> topology(row))
        .one();
  }

  /** Tells whether a topology was ever published from a document that routes so. */
  Mono<Boolean> published(String routing) {
    return sql("SELECT COUNT(*) FROM shardflux_topology"
            + " WHERE origin = 'DOCUMENT' AND routing = :routing")
        .bind("routing", sha256(routing))
        .map((row, metadata) -> number(row, 0) > 0)
        .one();
  }

  private static final String TOPOLOGY =
      "SELECT epoch, document, origin, made_by, made_at, why FROM shardflux_topology";

  private static PublishedTopology topology(Row row) {
    return new PublishedTopology(
        number(row, 0),
        text(row, 1),
        PublishedTopology.Origin.valueOf(text(row, 2)),
        text(row, 3),
        time(row, 4),
        text(row, 5));
  }

  /**
   * A topology that a router wants to publish.
   *
   * @param routing the part of the document that says where keys lie
   * @param madeBy the router, as host and id
   */
  record Draft(
      String document,
      String routing,
      PublishedTopology.Origin origin,
      String madeBy,
      String why) {}

  /**
   * Publishes the next epoch.
   *
   * @param before the epoch that it takes the place of
   * @param owner the job for which it is done, or null; a former owner is refused
   * @return the new epoch; empty if another topology was published meanwhile
   */
  Mono<Long> publish(long before, Draft draft, Jobs.@Nullable Owned owner) {
    return publish(
        before,
        before + 1,
        List.of(draft),
        connection -> owner == null ? Mono.empty() : Jobs.check(connection, owner));
  }

  /**
   * Publishes some topologies, of which only the last is put in force.
   *
   * @param before the epoch that is in force
   * @param first the epoch of the first one
   * @param more what is done with them, before them
   * @return the last epoch; empty if another topology was published meanwhile
   */
  Mono<Long> publish(
      long before, long first, List<Draft> drafts, Function<Connection, Mono<Void>> more) {
    long last = first + drafts.size() - 1;
    return inTransaction(
            connection ->
                more.apply(connection)
                    .then(updated(take(connection, before, last)))
                    .filter(rows -> rows == 1)
                    .flatMap(
                        rows ->
                            Flux.range(0, drafts.size())
                                .concatMap(
                                    i -> updated(insert(connection, first + i, drafts.get(i))))
                                .then(Mono.just(last))))
        .singleOrEmpty();
  }

  private static Statement take(Connection connection, long before, long next) {
    return connection
        .createStatement("UPDATE shardflux_control SET epoch = ? WHERE id = 1 AND epoch = ?")
        .bind(0, next)
        .bind(1, before);
  }

  private static Statement insert(Connection connection, long epoch, Draft draft) {
    return connection
        .createStatement(
            "INSERT INTO shardflux_topology VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?)")
        .bind(0, epoch)
        .bind(1, draft.document())
        .bind(2, sha256(draft.routing()))
        .bind(3, draft.origin().name())
        .bind(4, shortened(draft.madeBy()))
        .bind(5, shortened(draft.why()));
  }

  static Mono<Long> updated(Statement statement) {
    return Flux.from(statement.execute()).concatMap(Result::getRowsUpdated).reduce(0L, Long::sum);
  }

  /** A registered router's id, host with process, and version. */
  record Member(UUID id, String host, String version) {

    @Override
    public String toString() {
      return host + " " + id;
    }
  }

  /** Registers a router, or renews its lease. */
  Mono<Void> register(Member member, long epoch, Duration lease, String statistics) {
    return sql("""
    INSERT INTO shardflux_router VALUES (:router, :host, :version, :epoch,
      UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL :lease MICROSECOND, :statistics)
    ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), seen_at = VALUES(seen_at),
      lease_until = VALUES(lease_until), statistics = VALUES(statistics)\
    """)
        .timeouts(look)
        .bind("router", member.id().toString())
        .bind("host", shortened(member.host()))
        .bind("version", member.version())
        .bind("epoch", epoch)
        .bind("lease", lease.toNanos() / 1_000)
        .bind("statistics", statistics)
        .rowsUpdated()
        .then();
  }

  /** Forgets a router that closes, and those that were not seen for a day. */
  Mono<Void> unregister(UUID router) {
    return sql("DELETE FROM shardflux_router WHERE router = :router"
            + " OR lease_until < UTC_TIMESTAMP(6) - INTERVAL 1 DAY")
        .bind("router", router.toString())
        .rowsUpdated()
        .then();
  }

  Flux<RouterState> routers() {
    return sql("""
    SELECT router, host, version, epoch, seen_at, lease_until, lease_until > UTC_TIMESTAMP(6),
      statistics FROM shardflux_router ORDER BY host, router\
    """)
        .map((row, metadata) -> router(row))
        .all();
  }

  /** The number of routers that were not heard of for a while, though their lease is not over. */
  Mono<Long> silent(Duration since) {
    return sql("""
    SELECT COUNT(*) FROM shardflux_router WHERE lease_until > UTC_TIMESTAMP(6)
      AND seen_at < UTC_TIMESTAMP(6) - INTERVAL :since MICROSECOND\
    """)
        .bind("since", since.toNanos() / 1_000)
        .map((row, metadata) -> number(row, 0))
        .one();
  }

  private static RouterState router(Row row) {
    return new RouterState(
        UUID.fromString(text(row, 0)),
        text(row, 1),
        text(row, 2),
        number(row, 3),
        time(row, 4),
        time(row, 5),
        number(row, 6) == 1,
        text(row, 7));
  }

  Flux<ShardOrder> orders() {
    return sql("SELECT shard, kind, made_by, made_at, why FROM shardflux_order ORDER BY shard")
        .timeouts(look)
        .map((row, metadata) -> order(row))
        .all();
  }

  private static ShardOrder order(Row row) {
    return new ShardOrder(
        ShardId.of(text(row, 0)),
        ShardOrder.Kind.valueOf(text(row, 1)),
        text(row, 2),
        time(row, 3),
        text(row, 4));
  }

  /** Gives an order, in place of another one for that shard. */
  Mono<Void> order(ShardId shard, ShardOrder.Kind kind, Member member, String why) {
    return sql("""
    INSERT INTO shardflux_order VALUES (:shard, :kind, :by, UTC_TIMESTAMP(6), :why)
    ON DUPLICATE KEY UPDATE kind = VALUES(kind), made_by = VALUES(made_by),
      made_at = VALUES(made_at), why = VALUES(why)\
    """)
        .bind("shard", shard.value())
        .bind("kind", kind.name())
        .bind("by", shortened(member.toString()))
        .bind("why", shortened(why))
        .rowsUpdated()
        .then(ordersChanged());
  }

  /** Takes the order for a shard back, if there is one. */
  Mono<Void> takeBack(ShardId shard) {
    return sql("DELETE FROM shardflux_order WHERE shard = :shard")
        .bind("shard", shard.value())
        .rowsUpdated()
        .then(ordersChanged());
  }

  /** Has all routers read the orders; must follow their change. */
  private Mono<Void> ordersChanged() {
    return sql("UPDATE shardflux_control SET orders = orders + 1 WHERE id = 1")
        .rowsUpdated()
        .then();
  }

  Mono<Void> close() {
    return server.close();
  }

  /** Does the work in a transaction; its results count once it has completed. */
  <T> Flux<T> inTransaction(Function<Connection, Mono<T>> work) {
    return server.on(CONTROL).inTransaction(work);
  }

  StatementSpec sql(String text) {
    return server.on(CONTROL).sql(text);
  }

  private static Long number(Row row, int column) {
    return Objects.requireNonNull(row.get(column, Long.class));
  }

  private static String text(Row row, int column) {
    return Objects.requireNonNull(row.get(column, String.class));
  }

  private static Instant time(Row row, int column) {
    return Objects.requireNonNull(row.get(column, LocalDateTime.class)).toInstant(ZoneOffset.UTC);
  }

  /** A text that fits a column of 255 characters. */
  private static String shortened(String text) {
    return text.codePointCount(0, text.length()) <= 255
        ? text
        : text.substring(0, text.offsetByCodePoints(0, 254)) + "…";
  }

  private static String sha256(String text) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256: unknown (expected: known to every Java)", e);
    }
  }
}
