package io.shardflux.api.users;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.ReadRequest;
import io.shardflux.api.wire.NdjsonLine;
import io.shardflux.api.wire.User;
import io.shardflux.r2dbc.ScatterRows;
import io.shardflux.r2dbc.ScatterTarget;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/** The table {@code users}, through the router. */
@Internal
@Component
public final class Users {

  public static final String TABLE = "users";

  /** The length of the longest array; a client that wants more reads lines. */
  static final int MAX_ARRAY = 10_000;

  private static final Duration FIND_BOUND = Duration.ofSeconds(10);

  /** The time for a replica to get as far as a token. */
  private static final Duration REPLICA_WAIT = Duration.ofMillis(500);

  private static final String SELECT = "SELECT id, username, email, name FROM users";
  private static final String KEYS = " WHERE id IN (:keys)";

  /** Each user once, while some move to another shard. */
  private static final String ALL = " WHERE :owned(users)";

  private static final String INSERT =
      "INSERT INTO users (id, username, email, name) VALUES (:id, :username, :email, :name)";
  private static final String UPDATE =
      "UPDATE users SET username = :username, email = :email, name = :name WHERE id = :id";
  private static final String EXISTS = "SELECT 1 FROM users WHERE id = :id";
  private static final String DELETE = "DELETE FROM users WHERE id = :id";

  private final ShardRouter router;
  private final RowInserts<Entry> inserts;
  private final KeyedReads<User> byId;

  Users(ShardRouter router) {
    this.router = router;
    // Refuses at the start what every request would fail by.
    this.inserts =
        router.inserts(
            TABLE, INSERT, entry -> ShardKey.of(entry.user().id()), entry -> values(entry.user()));
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

  /** Completes if each of the ids has a shard, otherwise errors. */
  public Mono<Void> checkRoutable(ReadRequest request) {
    return Flux.fromIterable(request.ids()).concatMap(this::locate).then();
  }

  /**
   * The text of a token by which later reads see what was written on a shard until now, in any
   * process.
   */
  public Mono<String> token(ShardId shard) {
    return token(List.of(shard))
        // The shard was let go; a token of none has primaries read.
        .onErrorResume(gone -> token(List.<ShardId>of()));
  }

  /** The same of the shard of a user. */
  public Mono<String> token(long id) {
    return locate(id).flatMap(this::token).onErrorResume(lost -> token(List.<ShardId>of()));
  }

  private Mono<String> token(List<ShardId> shards) {
    return router.causalToken(shards).map(CausalToken::toString);
  }

  /** Has the reads of a subscription see what was written before a token. */
  public Function<Context, Context> after(CausalToken token) {
    return router.after(token, REPLICA_WAIT);
  }

  /** The user, or empty, as a token has it: such reads are not joined. */
  public Mono<NdjsonLine.Found> findAfter(CausalToken token, long id) {
    return router
        .on(TABLE, ShardKey.of(id))
        .sql(SELECT + " WHERE id = :id")
        .bind("id", id)
        .timeouts(Timeouts.of(FIND_BOUND))
        .map(Users::user)
        .one()
        .flatMap(user -> locate(id).map(shard -> new NdjsonLine.Found(user, shard)))
        .contextWrite(after(token));
  }

  /** The user, or empty. */
  public Mono<NdjsonLine.Found> find(long id) {
    return byId.oneLocated(ShardKey.of(id))
        .map(row -> new NdjsonLine.Found(row.value(), row.shard()));
  }

  /**
   * Stores a user; errors with {@link Refusal} if that failed, or if it is not known whether it
   * did.
   */
  public Mono<NdjsonLine.Found> insert(User user) {
    return inserts
        .store(Mono.just(new Entry.Good(1, user)))
        .single()
        .map(
            outcome -> {
              if (outcome instanceof InsertOutcome.Stored<Entry> stored) {
                return new NdjsonLine.Found(user, stored.shard());
              }
              throw new Refusal(failure(outcome));
            });
  }

  /** Stores the users among some lines, and answers each line; errors only if they do. */
  Flux<NdjsonLine> insert(Flux<Entry> entries) {
    return Flux.defer(() -> inserts.store(entries).map(new Answers()::of));
  }

  /** A line that was read: a user, or what is wrong with it. */
  sealed interface Entry {

    /** The number of the line. */
    long line();

    /**
     * The user.
     *
     * @throws Refusal if it is none
     */
    User user();

    record Good(long line, User user) implements Entry {}

    record Bad(long line, Refusal refusal) implements Entry {

      @Override
      public User user() {
        throw refusal;
      }
    }
  }

  /** Answers to the lines of one upload. What failed many is put into words, and logged, once. */
  private static final class Answers {

    private @Nullable Throwable lastError;
    private @Nullable Failure lastFailure;

    NdjsonLine of(InsertOutcome<Entry> outcome) {
      if (outcome instanceof InsertOutcome.Stored<Entry> stored) {
        return new NdjsonLine.Stored(stored.row().user().id(), stored.shard());
      }
      Throwable error = error(outcome);
      Failure failure = error.equals(lastError) ? lastFailure : null;
      if (failure == null) {
        failure = failure(outcome);
      }
      lastError = error;
      lastFailure = failure;
      return new NdjsonLine.Refused(outcome.row().line(), failure);
    }
  }

  /** The user as it now is; empty if there was none of that id. */
  public Mono<NdjsonLine.Found> replace(User user) {
    return router
        .on(TABLE, ShardKey.of(user.id()))
        .sql(UPDATE)
        .bind("username", user.username())
        .bind("email", user.email())
        .bind("name", user.name())
        .bind("id", user.id())
        .rowsUpdated()
        .filterWhen(changed -> changed > 0 ? Mono.just(true) : exists(user.id()))
        .flatMap(there -> locate(user.id()))
        .map(shard -> new NdjsonLine.Found(user, shard));
  }

  /** Removes a user; tells whether the user existed. */
  public Mono<Boolean> delete(long id) {
    return router
        .on(TABLE, ShardKey.of(id))
        .sql(DELETE)
        .bind("id", id)
        .rowsUpdated()
        .map(rows -> rows > 0);
  }

  /**
   * Users as they come, failed shards, and the summary last. Errors only before all of these, where
   * every shard is too busy.
   */
  public Flux<NdjsonLine> stream(ReadRequest request) {
    return rows(request, "", FailurePolicy.tag())
        .signals()
        .switchOnFirst((first, all) -> isOverload(first.get()) ? refusedIfAll(all) : all)
        .filter(signal -> !(signal instanceof ShardSignal.Done))
        .map(Users::line);
  }

  /** All users; errors if a shard failed or they are more than {@link #MAX_ARRAY}. */
  public Mono<List<NdjsonLine.Found>> list(ReadRequest request) {
    return found(rows(request, " LIMIT " + (MAX_ARRAY + 1), FailurePolicy.failFast()))
        .take(MAX_ARRAY + 1)
        .collectList()
        .doOnNext(Users::refuseTooMany);
  }

  private static Flux<ShardSignal<User>> refusedIfAll(Flux<ShardSignal<User>> signals) {
    return signals
        .bufferUntil(signal -> !isOverload(signal))
        .doOnNext(Users::refuseIfAll)
        .concatMapIterable(some -> some);
  }

  private static void refuseIfAll(List<ShardSignal<User>> some) {
    if (some.get(0) instanceof ShardSignal.Failed<User> failed
        && failed.error() instanceof ShardUnavailableException overloaded
        && some.get(some.size() - 1) instanceof ShardSignal.Coverage<User> coverage
        && coverage.asked().size() == some.size() - 1) {
      throw overloaded;
    }
  }

  private static boolean isOverload(@Nullable ShardSignal<User> signal) {
    return signal instanceof ShardSignal.Failed<User> failed
        && failed.error() instanceof ShardUnavailableException error
        && error.overloaded();
  }

  private static Map<String, ?> values(User user) {
    return Map.of(
        "id", user.id(), "username", user.username(), "email", user.email(), "name", user.name());
  }

  private static Failure failure(InsertOutcome<Entry> outcome) {
    Throwable error = error(outcome);
    return outcome instanceof InsertOutcome.Unknown ? Failure.unknown(error) : Failure.of(error);
  }

  private static Throwable error(InsertOutcome<Entry> outcome) {
    if (outcome instanceof InsertOutcome.Unknown<Entry> unknown) {
      return unknown.error();
    }
    if (outcome instanceof InsertOutcome.Refused<Entry> refused) {
      return refused.error();
    }
    throw new IllegalStateException("no error tells of " + outcome);
  }

  /** MySQL counts no row as updated that already was as wanted. */
  private Mono<Boolean> exists(long id) {
    return router
        .on(TABLE, ShardKey.of(id))
        .sql(EXISTS)
        .bind("id", id)
        .prefer(ReadPreference.PRIMARY)
        .map((row, metadata) -> true)
        .one()
        .defaultIfEmpty(false);
  }

  private ScatterRows<User> rows(ReadRequest request, String limit, FailurePolicy policy) {
    boolean all = request.ids().isEmpty();
    ScatterTarget shards = all ? router.onAll() : router.onKeys(TABLE, request.keys());
    String sql = SELECT + (all ? ALL : KEYS) + (request.ordered() ? " ORDER BY id" : "") + limit;
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
