package io.shardflux.r2dbc;

import io.r2dbc.spi.Option;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.atomic.RouterTransaction;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * The way to the shards: a key, a shard's name or all shards in, {@code Mono} and {@code Flux} out.
 *
 * <p>Thread-safe; one for an application is enough. It opens connections when they are first
 * needed, never blocks, and must be {@linkplain #close() closed}. All work is lazy: nothing happens
 * before a subscription, and each subscription runs anew. Errors keep their R2DBC category, so that
 * {@code R2dbcTransientException} says whether a retry may help. Their messages have the shard's
 * name.
 *
 * <p>Tests may implement this interface and those that it gives, by hand or by a mocking library.
 * Other code must not, because a later version may add methods.
 */
public interface ShardRouter {

  /** {@return a builder of a router} */
  static ShardRouterBuilder builder() {
    return new ShardRouterBuilder();
  }

  /**
   * A router by a YAML document.
   *
   * <pre>{@code
   * shards:
   *   shard_0: {url: "r2dbc:mysql://127.0.0.1:3306/shard_0", username: app, password: "…"}
   *   shard_1: {url: "r2dbc:mysql://127.0.0.1:3307/shard_1", username: app, password: "…", pool: {max-size: 20}}
   * pool: {max-size: 10, min-idle: 1, max-pending: 1000, streams: 5, connect-timeout: 3s,
   *   rollback-timeout: 1s, max-idle-time: 10m, max-lifetime: 30m}
   * timeouts: {acquire: 5s, first-row: 10s, gap: 10s, total: 60s}
   * breaker: {window: 20, min-calls: 10, failure-rate: 50, probe-interval: 250ms}
   * reads: {preference: primary, retries: 2, max-lag: 10s, hedge: false}
   * slow-statement: 1s
   * hot-keys: false
   * row-counts: {exact: false, every: 60s}
   * sql: {allow-scatter: true, allow-gather: true, gather-max-rows: 10000}
   * coalescing: {max-keys: 128, max-rows: 10000, in-flight: 2, max-waiting: 10000}
   * strategies:
   *   by_id: {type: hash, shards: [shard_0, shard_1], slots: 1024, function: crc32}
   * tables:
   *   users: {key: {id: integer}, strategy: by_id}
   *   orders: {key: [{tenant: text}, {id: integer}], strategy: by_tenant}
   *   countries: {reference: true}
   *   settings: {pinned: shard_0}
   * }</pre>
   *
   * <p>{@code shards} names each shard and its server; {@code username} and {@code password} stand
   * there or in the URL. A shard's {@code pool} sets what differs from the one on top. The sections
   * {@code pool}, {@code timeouts}, {@code breaker}, {@code reads} and {@code coalescing} set what
   * differs from {@link PoolOptions#defaults()}, {@link Timeouts#defaults()}, {@link
   * BreakerOptions#defaults()}, {@link ReadOptions#defaults()} and {@link
   * CoalescingOptions#defaults()}. An unset {@code streams} is half of {@code max-size}. An unset
   * {@code min-idle}, {@code min-calls} or time is lowered to {@code max-size}, {@code window} or
   * {@code total}. {@code replicas} of a shard are a list of servers, each with {@code url}, and
   * {@code username} and {@code password} where they are not the shard's. {@code slow-statement} is
   * off by default. A document with {@code control} is refused, because a router by it shares its
   * topology with others.
   *
   * <p>{@code strategies}, by {@code type}; a strategy inside another is a map like these or the
   * name of one of them:
   *
   * <ul>
   *   <li>{@code hash}: {@code shards}, {@code slots} (1024), {@code function} ({@code crc32} or
   *       {@code md5}); instead of shards and slots a {@code slot-table}, a list of runs {@code
   *       {shard, slots}} in the order of the slots
   *   <li>{@code modulo}: {@code shards}
   *   <li>{@code range}: {@code key}, the type of the bounds; {@code ranges}, a list of {@code
   *       {from, to, shard}}, of which the first may lack {@code from} and the last {@code to}
   *   <li>{@code consistent}: {@code shards}, or {@code weights}, a map of shards to weights
   *   <li>{@code directory}: {@code shards}; {@code server} with {@code url}, {@code username},
   *       {@code password}, {@code pool}; {@code table} ({@link TableDirectory#DEFAULT_TABLE});
   *       {@code name} (the strategy's); {@code assign-unknown}, a strategy; {@code cache-size}
   *       (100000); {@code expiry} (60s); {@code timeout} (5s)
   *   <li>{@code composite}: {@code groups}, a strategy over groups; {@code inside}, a map of
   *       groups to strategies
   *   <li>{@code geo}: {@code regions}, a map of regions to {@code {countries, strategy}}; {@code
   *       others}, the region of all other countries
   *   <li>{@code tenant}: {@code key}, {@code text} or {@code integer}; {@code tenants}, a map of
   *       tenants to strategies; {@code others}, the strategy of all other tenants
   *   <li>{@code time}: {@code period} ({@code day}, {@code week}, {@code month} or {@code year});
   *       {@code listed}, a map of the periods' first days to shards; {@code rotation}, the shards
   *       of all other periods
   *   <li>{@code fixed}: {@code shard}
   * </ul>
   *
   * <p>{@code tables} are sharded, by {@code key} and {@code strategy}; or {@code reference: true};
   * or {@code pinned} to a shard. Types of keys are {@code integer}, {@code text}, {@code uuid},
   * {@code date}, {@code datetime} and {@code instant}; the last three are written {@code
   * 2026-01-31}, {@code 2026-01-31T12:00:00} and {@code 2026-01-31T12:00:00Z}. Times have a unit
   * ({@code ms}, {@code s}, {@code m}, {@code h}, {@code d}) or are written {@code PT2S}.
   *
   * <p>Placeholders such as <code>${NAME}</code> are not replaced. Directories are closed with the
   * router; their tables must be there already, see {@link TableDirectory#createTable()}.
   *
   * @param yaml one document of at most 1 MiB; a key that is unknown or there twice is refused
   * @return the router, which the caller must close; it has not connected yet
   * @throws IllegalArgumentException if it is malformed or wrong, with the path to the mistake.
   *     Neither the message nor a cause has a URL or a password
   */
  static ShardRouter fromYaml(String yaml) {
    return new ShardRouterBuilder().withAlone(RouterDocument.read(yaml)).build();
  }

  /**
   * A builder of a router, filled from a document that is a nested map; see {@link #fromYaml}.
   * Build only one router with it, because the router closes the document's directories.
   *
   * @param document its keys as there; scalars are texts, numbers or booleans, and a list may also
   *     be a map with the keys {@code 0}, {@code 1} and so on, as property sources have it
   * @return a builder with all that the document says, to which more can be added
   * @throws IllegalArgumentException as there
   */
  static ShardRouterBuilder builder(Map<String, ?> document) {
    return new ShardRouterBuilder().withAlone(RouterDocument.read(document));
  }

  /** {@return the operator's face of the router; always the same object} */
  ShardOperations operations();

  /** {@return the current shards, strategies and tables} */
  Topology topology();

  /**
   * {@return the topologies that come into force from now on, each with a later epoch} A subscriber
   * that is more than 256 topologies behind loses the oldest. The stream completes when the router
   * is closed.
   */
  Flux<Topology> topologyEvents();

  /**
   * {@return the shard of a key; see {@link Topology#locate}}
   *
   * @param table the table's name, as its rule has it
   * @param key a key of the table
   */
  Mono<ShardId> locate(String table, ShardKey key);

  /**
   * {@return the shard where a key of a table lies}
   *
   * @param table the name of a sharded or pinned table, as its rule has it
   * @param key the key, which is located upon each subscription
   */
  ShardTarget on(String table, ShardKey key);

  /**
   * {@return a shard by name} An unknown name is an {@link IllegalArgumentException} upon
   * subscription. Where keys move to another shard, such a statement may see rows that lie
   * elsewhere by now, or not yet.
   *
   * @param shard the shard's name
   */
  ShardTarget on(ShardId shard);

  /**
   * {@return the shards of some keys of a table, each asked for its own keys} A key given twice is
   * asked for once.
   *
   * @param table the name of a sharded or pinned table, as its rule has it
   * @param keys the keys, which are located upon each subscription
   */
  ScatterTarget onKeys(String table, Collection<ShardKey> keys);

  /**
   * {@return reads of single keys that are joined, with the options of {@link
   * ShardRouterBuilder#coalescing}; see {@link #coalesced(String, String, BiFunction, BiFunction,
   * CoalescingOptions)}}
   *
   * @param <T> the type that rows are mapped to
   * @param table the table by whose rule keys are located
   * @param sql one read with the marker {@code :keys} and no other
   * @param key gives the key that a row belongs to
   * @param mapping maps each row; must not block and must not return null
   */
  <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping);

  /**
   * {@return reads of single keys that are joined} While batches are on their way to a shard,
   * newcomers gather, and the next batch takes them all, up to a bound, as one {@code IN} list.
   * There is no timer: a read that finds no batches under way is sent at once.
   *
   * <pre>{@code
   * KeyedReads<User> users = router.coalesced("users", "SELECT id, name FROM users WHERE id IN (:keys)",
   *     (row, metadata) -> ShardKey.of(row.get("id", Long.class)), User::of);
   * Mono<User> one = users.one(ShardKey.of(42));
   * }</pre>
   *
   * <p>Each row must belong to one key, and must be the same whatever other keys are asked for: the
   * statement must not aggregate over keys.
   *
   * @param <T> the type that rows are mapped to
   * @param table the table by whose rule keys are located
   * @param sql one read with the marker {@code :keys} and no other; see {@link #onKeys}
   * @param key gives the key that a row belongs to, as it was asked for; a row with another key
   *     fails the read
   * @param mapping maps each row; both functions are called on event loops, must not block and must
   *     not return null
   * @param coalescing how many keys a batch has, and how many reads may gather
   * @throws IllegalArgumentException if the table is unknown, the statement is not a read, limits
   *     its rows, or has no or other markers
   */
  <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping,
      CoalescingOptions coalescing);

  /**
   * {@return all shards} While keys of a table move to another shard, rows of them may stand on two
   * shards. So a statement that is to run then says of such a table that it wants each row once, by
   * {@code :owned(users)} in its {@code WHERE}, or {@code :owned(users u)} for a table that it
   * calls {@code u}. That stands for the condition of each shard's own rows, and is {@code TRUE}
   * while no key moves. A statement that names a table in a move without it errors with {@link
   * IllegalStateException}, {@code TABLE_MOVING}, before any shard is asked.
   */
  ScatterTarget onAll();

  /**
   * Stores streams of rows, many by one statement.
   *
   * @param <T> the type of the rows
   * @param table where they go, by its rule
   * @param sql {@code INSERT INTO … VALUES (…)} or {@code REPLACE INTO … VALUES (…)} of one row,
   *     with {@code :name} markers in its row group alone and nothing behind it
   * @param key where a row lies
   * @param values a row's values by the names of the markers, NULL where one is null: text,
   *     numbers, booleans, {@code byte[]} or {@code ByteBuffer}, enums, and dates and times of
   *     {@code java.time}; not to be changed before the row's outcome is there
   * @return the inserts, for any number of streams
   * @throws IllegalArgumentException if the table is unknown or a reference table, or the statement
   *     is another: {@code IGNORE} and {@code ON DUPLICATE KEY UPDATE} are refused, as they leave
   *     open what became of a row
   */
  <T> RowInserts<T> inserts(
      String table,
      String sql,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values);

  /**
   * Runs work in a transaction over shards, of which {@link
   * io.shardflux.r2dbc.settings.TransactionMode} says which may be written; see {@link
   * RouterTransaction}. The transaction is committed when the work completes, and rolled back when
   * the work fails or is cancelled. Rows pass before the commit; only completion says that all is
   * committed. A commit that was decided goes on if it is cancelled.
   *
   * <p>Errors are those of the work and of its statements. If the commit fails, all is rolled back
   * and the error says so; if the shard that decides it does not answer within {@link
   * Timeouts#total()}, that is {@link io.shardflux.r2dbc.failure.TransactionInDoubtException}. A
   * transaction that wrote one shard alone commits there as any other does, and a connection that
   * is lost under that commit leaves its outcome unknown.
   *
   * @param <T> the type that the work gives
   * @param definition the isolation level and the like, as R2DBC has them, for each shard
   * @param work uses the transaction until its publisher ends; called once for each subscription
   * @return what the work gives
   */
  <T> Flux<T> inTransaction(
      TransactionDefinition definition,
      Function<? super RouterTransaction, ? extends Publisher<T>> work);

  /**
   * Runs work in a transaction over shards at the servers' own isolation level; see {@link
   * #inTransaction(TransactionDefinition, Function)}.
   *
   * @param <T> the type that the work gives
   * @param work uses the transaction until its publisher ends; called once for each subscription
   * @return what the work gives
   */
  default <T> Flux<T> inTransaction(
      Function<? super RouterTransaction, ? extends Publisher<T>> work) {
    return inTransaction(
        new TransactionDefinition() {
          @Override
          public <V> @Nullable V getAttribute(Option<V> option) {
            return null;
          }
        },
        work);
  }

  /**
   * Opens every shard's idle minimum of connections. A shard that is down is left out, and the
   * others are warmed.
   *
   * @return completes when each shard has its minimum or was left out
   */
  Mono<Void> warmUp();

  /**
   * Sends all reads of a subscription to primaries, whatever else is set, so that they see what was
   * written before; for {@code contextWrite}.
   *
   * @return a change of the context, for {@code contextWrite}
   */
  static Function<Context, Context> readYourWrites() {
    return context -> context.put(ShardServers.READ_YOUR_WRITES, true);
  }

  /**
   * Asks primaries how far they are, so that a later read may see what was written there before. A
   * shard without replicas, and one that does not tell, as without GTIDs ({@code gtid_mode} of
   * MySQL, the binary log of MariaDB), is read at its primary by the token. It never errors for a
   * shard that does not answer.
   *
   * @param shards the shards that were written
   * @return the token, for {@link #after}, of this router or of another one
   */
  Mono<CausalToken> causalToken(Collection<ShardId> shards);

  /**
   * Has the reads of a subscription see what was written before a token; for {@code contextWrite}.
   * A read that may go to a replica is sent there once the replica has got so far, and to the
   * primary if it has not in time, if the token does not name its shard, or if shards or keys moved
   * since. Joined reads go to the primary.
   *
   * @param token a token of a router with the same shards
   * @param wait the time for a replica, from 1 ms to 60 s; half of {@link Timeouts#firstRow()} at
   *     most is used
   * @return a change of the context, for {@code contextWrite}
   * @throws IllegalArgumentException if the time is out of its bounds
   */
  Function<Context, Context> after(CausalToken token, Duration wait);

  /**
   * Closes the router. Statements under way have 30 s to end, and new ones fail with {@link
   * io.shardflux.r2dbc.failure.ShardUnavailableException}. Then every connection is closed, those
   * in use too. A second close does nothing more, and a cancel does not stop it.
   *
   * @return completes when every connection is closed
   */
  Mono<Void> close();

  /**
   * Counts a key for {@link ShardOperations#hotKeys} that a statement for a shard by name is asked
   * for by.
   *
   * @param table a table of the topology
   * @param key the key that the statement is for
   */
  void note(String table, ShardKey key);

  /** {@return the times of a statement that has none of its own} */
  Timeouts timeouts();
}
