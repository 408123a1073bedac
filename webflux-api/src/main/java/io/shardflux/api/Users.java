package io.shardflux.api;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.FailurePolicy;
import io.shardflux.r2dbc.KeyedReads;
import io.shardflux.r2dbc.ScatterRows;
import io.shardflux.r2dbc.ScatterTarget;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardSignal;
import io.shardflux.r2dbc.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The table {@code users}, through the router. */
@Component
final class Users {

  static final String TABLE = "users";

  /** The longest array; whoever wants more reads lines. */
  static final int MAX_ARRAY = 10_000;

  private static final Duration FIND_BOUND = Duration.ofSeconds(10);
  private static final Duration WRITE_BOUND = Duration.ofSeconds(30);
  private static final String SELECT = "SELECT id, username, email, name FROM users";
  private static final String KEYS = " WHERE id IN (:keys)";
  private static final String INSERT = "INSERT INTO users (id, username, email, name) VALUES ";
  private static final String UPDATE =
      "UPDATE users SET username = :username, email = :email, name = :name WHERE id = :id";
  private static final String EXISTS = "SELECT 1 FROM users WHERE id = :id";
  private static final String DELETE = "DELETE FROM users WHERE id = :id";

  private final ShardRouter router;
  private final KeyedReads<User> byId;

  Users(ShardRouter router) {
    this.router = router;
    // Refuses at the start what every request would fail by.
    this.byId =
        router
            .coalesced(
                TABLE, SELECT + KEYS, (row, metadata) -> ShardKey.of(number(row)), Users::user)
            .timeouts(Timeouts.of(FIND_BOUND));
  }

  /** The shard of a user, whether there is one of that id or not. */
  Mono<ShardId> locate(long id) {
    return router.locate(TABLE, ShardKey.of(id));
  }

  /** Completes if each of the ids has a shard, else errors. */
  Mono<Void> checkRoutable(ReadRequest request) {
    return Flux.fromIterable(request.ids()).concatMap(this::locate).then();
  }

  /** The user, or empty. */
  Mono<NdjsonLine.Found> find(long id) {
    ShardKey key = ShardKey.of(id);
    return router
        .locate(TABLE, key)
        .flatMap(shard -> byId.one(key).map(user -> new NdjsonLine.Found(user, shard)));
  }

  /**
   * Stores a user; errors with {@link Refusal} if that failed, or if it is not known whether it
   * did.
   */
  Mono<NdjsonLine.Found> insert(User user) {
    return locate(user.id())
        .flatMap(
            shard ->
                insert(shard, List.of(new Numbered(1, user)))
                    .single()
                    .handle(
                        (outcome, sink) -> {
                          if (outcome instanceof NdjsonLine.Refused refused) {
                            sink.error(new Refusal(refused.failure()));
                          } else {
                            sink.next(new NdjsonLine.Found(user, shard));
                          }
                        }));
  }

  /** The user as it now is; empty if there was none of that id. */
  Mono<NdjsonLine.Found> replace(User user) {
    return locate(user.id())
        .flatMap(
            shard ->
                router
                    .on(shard)
                    .sql(UPDATE)
                    .bind("username", user.username())
                    .bind("email", user.email())
                    .bind("name", user.name())
                    .bind("id", user.id())
                    .rowsUpdated()
                    .filterWhen(changed -> changed > 0 ? Mono.just(true) : exists(shard, user.id()))
                    .map(there -> new NdjsonLine.Found(user, shard)));
  }

  /** Whether there was one. */
  Mono<Boolean> delete(long id) {
    return router
        .on(TABLE, ShardKey.of(id))
        .sql(DELETE)
        .bind("id", id)
        .rowsUpdated()
        .map(rows -> rows > 0);
  }

  /** Users as they come, failed shards, and the summary last; never an error. */
  Flux<NdjsonLine> stream(ReadRequest request) {
    return rows(request, "", FailurePolicy.tag())
        .signals()
        .filter(signal -> !(signal instanceof ShardSignal.Done))
        .map(Users::line);
  }

  /** All users; errors if a shard failed or they are more than {@link #MAX_ARRAY}. */
  Mono<List<NdjsonLine.Found>> list(ReadRequest request) {
    return found(rows(request, " LIMIT " + (MAX_ARRAY + 1), FailurePolicy.failFast()))
        .take(MAX_ARRAY + 1)
        .collectList()
        .doOnNext(Users::refuseTooMany);
  }

  /**
   * Stores users of one shard by one statement, and says of each what became of it. If the server
   * refuses the statement for its data, it has stored none, and they are tried one by one.
   */
  Flux<NdjsonLine> insert(ShardId shard, List<Numbered> users) {
    AtomicBoolean sent = new AtomicBoolean();
    return router
        .on(shard)
        .inConnection(
            connection -> {
              sent.set(true);
              return insert(connection, users);
            })
        .then()
        .timeout(WRITE_BOUND)
        .thenMany(Flux.fromIterable(users).<NdjsonLine>map(user -> stored(user, shard)))
        .onErrorResume(
            error ->
                users.size() > 1 && error instanceof R2dbcDataIntegrityViolationException
                    ? Flux.fromIterable(users).concatMap(user -> insert(shard, List.of(user)))
                    : refused(users, Failure.ofWrite(error, sent.get())));
  }

  /**
   * A user of an upload.
   *
   * @param line where it stood
   */
  record Numbered(long line, User user) {}

  private static Flux<Long> insert(Connection connection, List<Numbered> users) {
    String rows = String.join(",", Collections.nCopies(users.size(), "(?,?,?,?)"));
    Statement statement = connection.createStatement(INSERT + rows);
    int i = 0;
    for (Numbered numbered : users) {
      User user = numbered.user();
      statement.bind(i++, user.id());
      statement.bind(i++, user.username());
      statement.bind(i++, user.email());
      statement.bind(i++, user.name());
    }
    return Flux.<Result>from(statement.execute()).concatMap(Result::getRowsUpdated);
  }

  private static NdjsonLine stored(Numbered numbered, ShardId shard) {
    return new NdjsonLine.Stored(numbered.user().id(), shard);
  }

  private static Flux<NdjsonLine> refused(List<Numbered> users, Failure failure) {
    return Flux.fromIterable(users).map(user -> new NdjsonLine.Refused(user.line(), failure));
  }

  /** MySQL counts no row as updated that already was as wanted. */
  private Mono<Boolean> exists(ShardId shard, long id) {
    return router
        .on(shard)
        .sql(EXISTS)
        .bind("id", id)
        .map((row, metadata) -> true)
        .one()
        .defaultIfEmpty(false);
  }

  private ScatterRows<User> rows(ReadRequest request, String limit, FailurePolicy policy) {
    boolean all = request.ids().isEmpty();
    ScatterTarget shards = all ? router.onAll() : router.onKeys(TABLE, request.keys());
    String sql = SELECT + (all ? "" : KEYS) + (request.ordered() ? " ORDER BY id" : "") + limit;
    ScatterRows<User> rows =
        shards.sql(sql).timeouts(request.timeouts()).onFailure(policy).map(Users::user);
    return request.ordered() ? rows.orderedBy(Comparator.comparingLong(User::id)) : rows;
  }

  private static Flux<NdjsonLine.Found> found(ScatterRows<User> rows) {
    return rows.signals()
        .handle(
            (signal, sink) -> {
              if (signal instanceof ShardSignal.Row<User> row) {
                sink.next(new NdjsonLine.Found(row.value(), row.shard()));
              }
            });
  }

  private static NdjsonLine line(ShardSignal<User> signal) {
    if (signal instanceof ShardSignal.Row<User> row) {
      return new NdjsonLine.Found(row.value(), row.shard());
    }
    if (signal instanceof ShardSignal.Failed<User> failed) {
      return new NdjsonLine.ShardFailed(
          failed.shard(), Failure.of(failed.error()), failed.rowsBefore());
    }
    if (signal instanceof ShardSignal.Coverage<User> coverage) {
      return new NdjsonLine.ReadSummary(
          coverage.asked().size(),
          coverage.answered().size(),
          coverage.failed(),
          coverage.rows(),
          coverage.complete());
    }
    throw new IllegalStateException("no line tells of " + signal);
  }

  private static void refuseTooMany(List<NdjsonLine.Found> users) {
    if (users.size() > MAX_ARRAY) {
      throw Refusal.of(
          "too_many",
          HttpStatus.NOT_ACCEPTABLE,
          "more than "
              + MAX_ARRAY
              + " users (expected: at most as many in an array; any number comes as lines with"
              + " Accept: application/x-ndjson)");
    }
  }

  private static User user(Row row, RowMetadata metadata) {
    return new User(number(row), text(row, 1), text(row, 2), text(row, 3));
  }

  private static long number(Row row) {
    return Objects.requireNonNull(row.get(0, Long.class));
  }

  private static String text(Row row, int column) {
    return Objects.requireNonNull(row.get(column, String.class));
  }
}
