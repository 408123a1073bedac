package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.Attempt;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.Turns;
import io.shardflux.router.ShardId;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * A transaction's part on one shard, on a connection that it holds: the plain transaction of its
 * lead, or an XA branch. It begins and ends by texts of its own, of which the driver knows nothing
 * but what the server's answers say. A connection that did not end its part by an answer is closed.
 */
final class Branch {

  /** Keeps what the session had, for {@link #GIVE_LOCK_WAIT_BACK}. */
  static final String KEEP_LOCK_WAIT = "SET @shardflux_lock_wait = @@innodb_lock_wait_timeout";

  private static final String GIVE_LOCK_WAIT_BACK =
      "SET innodb_lock_wait_timeout = @shardflux_lock_wait;";

  private final ShardServers servers;
  private final ServerPool server;
  private final Connection connection;
  private final RouterOptions options;
  private final @Nullable Xid xid;
  private final Turns turns;
  private final Sinks.Empty<Void> released = Sinks.empty();

  private volatile boolean wrote;
  private volatile boolean locked;

  /** Whether its session still has another lock wait than it had. */
  private volatile boolean waitsOtherwise;

  private volatile boolean ending;
  private volatile boolean ended;
  private volatile boolean prepared;

  /**
   * The statements that failed or were given up, behind which the driver may not know whether the
   * server is in a transaction.
   */
  private final AtomicInteger doubts = new AtomicInteger();

  private volatile int cleared;

  private volatile @Nullable Throwable broken;

  /**
   * A part that must begin.
   *
   * @param xid the branch, or null for a plain transaction
   * @param waitsOtherwise whether it begins with another lock wait than its session's
   */
  Branch(
      ShardServers servers,
      ServerPool server,
      Connection connection,
      RouterOptions options,
      @Nullable Xid xid,
      boolean waitsOtherwise) {
    this.servers = servers;
    this.server = server;
    this.connection = connection;
    this.options = options;
    this.xid = xid;
    this.waitsOtherwise = waitsOtherwise;
    this.turns = new Turns(server, connection, () -> {}, this::noted);
  }

  ShardId shard() {
    return servers.id();
  }

  ShardServers servers() {
    return servers;
  }

  @Nullable Xid xid() {
    return xid;
  }

  boolean wrote() {
    return wrote;
  }

  /** Notes that a statement may write, before it is sent. */
  void writes() {
    wrote = true;
  }

  /** Tells whether it may have locks that must be held to the end. */
  boolean locked() {
    return locked;
  }

  void locks() {
    locked = true;
  }

  /** Tells whether it may be prepared. */
  boolean prepared() {
    return prepared;
  }

  /** The error that its part is lost by, or null. */
  @Nullable Throwable broken() {
    return broken;
  }

  /** Begins, tells of it, and completes when it is released, until when it has its connection. */
  Flux<Branch> begun(String text, Timeouts times) {
    return Flux.defer(
        () -> {
          server.borrow(connection);
          return Flux.concat(
              this.<Void>attempt(own(text, times)).then(Mono.just(this)),
              released.asMono().then(Mono.empty()));
        });
  }

  /** A statement of the user's. */
  <T> Flux<T> run(Work<T> work) {
    return sure(work.terms().timeouts())
        .thenMany(Flux.defer(() -> attempt(open(work.alone()))))
        .concatWith(Mono.defer(this::still));
  }

  /** The work, unless the transaction is being ended by the time of its turn. */
  private <T> Work<T> open(Work<T> work) {
    return work.doing(
        (mine, dialect) ->
            ending
                ? Flux.error(
                    new IllegalStateException(
                        "transaction on " + shard() + ": over (expected: one that is open)"))
                : work.execution().apply(mine, dialect));
  }

  /** Completes if its part is still there, which is asked where a statement failed before. */
  Mono<Void> sure(Timeouts times) {
    return Mono.defer(() -> doubts.get() == cleared ? this.<Void>still() : there(times));
  }

  /** Completes if its part is still there behind all that was sent before. */
  Mono<Void> there(Timeouts times) {
    return Mono.defer(
        () -> {
          int asked = doubts.get();
          return this.<Void>attempt(own("DO 0", times))
              .then()
              .doOnSuccess(done -> cleared = asked)
              .then(Mono.<Void>defer(this::still));
        });
  }

  private <T> Mono<T> still() {
    Throwable error = broken;
    if (error == null && connection.isAutoCommit()) {
      error =
          new R2dbcRollbackException(
              shard()
                  + ": the transaction was ended by the server, as by a deadlock, or by a statement"
                  + " (expected: none that commits, such as CREATE TABLE); run it again");
      broken = error;
    }
    return error == null ? Mono.empty() : Mono.error(error);
  }

  /** Runs a text that leaves its part open. */
  Mono<Void> step(String text, Timeouts times) {
    return sure(times).then(this.<Void>attempt(open(own(text, times))).then());
  }

  /** Runs a text of the end. */
  Mono<Void> last(String text) {
    return Mono.defer(
        () -> {
          ending = true;
          String restored = waitsOtherwise ? GIVE_LOCK_WAIT_BACK + text : text;
          waitsOtherwise = false;
          return this.<Void>attempt(own(restored, options.timeouts())).then();
        });
  }

  /** Ends an XA branch, which keeps its locks, and prepares it where it wrote. */
  Mono<Void> prepare() {
    return Mono.defer(
        () -> {
          prepared = wrote;
          String end = "XA END " + name();
          return sure(options.timeouts())
              .then(last(wrote ? end + ";XA PREPARE " + name() : end))
              .doOnSuccess(done -> ended = true);
        });
  }

  /** Completes if its locks are held, until it ends. */
  Mono<Void> hold() {
    return xid == null ? step("DO 0", options.timeouts()) : prepare();
  }

  /** The text that commits it if no other shard has anything to commit. */
  String commitAlone() {
    return xid == null ? "COMMIT" : ended("XA COMMIT " + name() + " ONE PHASE");
  }

  /** The text that rolls it back; null if its connection is of no use. */
  @Nullable String rollBack() {
    if (broken != null) {
      return null;
    }
    return xid == null ? "ROLLBACK" : ended("XA ROLLBACK " + name());
  }

  private String ended(String text) {
    return ended || prepared ? text : "XA END " + name() + ";" + text;
  }

  private String name() {
    return Objects.requireNonNull(xid).sql();
  }

  /** Gives the connection back, on which nothing is open. */
  void release() {
    server.restored(connection);
    var unused = released.tryEmitEmpty();
  }

  /** Has the connection closed, which ends what is not prepared. */
  void abandon() {
    var unused = released.tryEmitError(new CancellationException("abandoned"));
  }

  private <T> Flux<T> attempt(Work<T> work) {
    return new Attempt<>(server, turns, work, work.terms().timeouts(), options)
        .rows()
        .doOnError(error -> doubts.incrementAndGet())
        .doOnCancel(doubts::incrementAndGet);
  }

  /** A text of the transaction's own, told without its name. */
  private Work<Void> own(String text, Timeouts times) {
    return new Work<>(
        xid == null ? told(text) : text.replace(name(), "?"),
        false,
        Set.of(),
        Work.Terms.of(times),
        (connection, dialect) ->
            Flux.from(connection.createStatement(text).execute())
                .concatMap(Result::getRowsUpdated)
                .thenMany(Flux.empty()));
  }

  private static String told(String text) {
    return text.contains("INSERT") ? "INSERT INTO shardflux_decision;COMMIT" : text;
  }

  private Throwable noted(Throwable error) {
    if (!ShardErrors.lost(ShardErrors.named(shard(), error))) {
      return error;
    }
    Throwable lost =
        ending ? ShardErrors.named(shard(), error) : ShardErrors.lostInTransaction(shard(), error);
    if (broken == null) {
      broken = lost;
    }
    return lost;
  }
}
