package io.shardflux.r2dbc.shard;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.observe.Outcome;
import io.shardflux.r2dbc.scatter.StreamTurns;
import io.shardflux.r2dbc.server.LostChannel;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

/** One attempt of a piece of work at one server; must be subscribed to only once. */
@Internal
public final class Attempt<T> implements TimedFlux.Witness {

  private static final Logger log = LoggerFactory.getLogger("io.shardflux.slow");

  /**
   * The time to a connection that is left to an attempt behind others of the same merge that took
   * all of it.
   */
  private static final long LEFT_NANOS = Duration.ofMillis(20).toNanos();

  /** Gives an attempt its connection. */
  public interface Lender {
    <T> Flux<T> withConnection(Function<Connection, ? extends Publisher<T>> work);
  }

  private final ServerPool server;
  private final Lender lender;
  private final Work<T> work;
  private final Timeouts limits;
  private final RouterOptions options;
  private Observed observed = Observed.NONE;
  private StreamTurns.@Nullable Turn turn;
  private volatile boolean placed;
  private volatile boolean answered;

  public Attempt(
      ServerPool server, Lender lender, Work<T> work, Timeouts limits, RouterOptions options) {
    this.server = server;
    this.lender = lender;
    this.work = work;
    this.limits = limits;
    this.options = options;
  }

  public Flux<T> rows() {
    return new TimedFlux<>(
        this::run, server.server().shard(), work.text(), limits, Schedulers.parallel(), this);
  }

  private Flux<T> run(Runnable connected) {
    Function<Connection, Publisher<T>> execution =
        connection -> {
          connected.run();
          if (work.touching().contains(server.dialect())) {
            server.retire(connection);
          }
          return work.execution().apply(connection, server.dialect());
        };
    return work.stream()
        ? server.withStream(this::placed, execution)
        : lender.withConnection(execution);
  }

  private void placed() {
    placed = true;
    pass();
  }

  /** Lets the attempt go on that waits for this one's place. */
  private void pass() {
    if (turn != null) {
      turn.pass();
    }
  }

  ServerPool server() {
    return server;
  }

  /** Tells whether a row of it has reached the caller. */
  boolean answered() {
    return answered;
  }

  @Override
  public Context started(Context context) {
    server.started();
    turn = context.getOrDefault(StreamTurns.KEY, null);
    if (!work.stream()) {
      pass();
    }
    observed =
        Observed.start(
            options.observations(),
            server.server(),
            work.read() ? "read" : "write",
            work.text(),
            context);
    return LostChannel.quiet(observed.in(context));
  }

  @Override
  public long waited() {
    if (turn == null || !work.stream() || placed) {
      return 0;
    }
    return Math.max(0, Math.min(turn.waited(), limits.acquire().toNanos() - LEFT_NANOS));
  }

  @Override
  public Throwable unconnected(ShardTimeoutException late) {
    return work.stream() && !placed ? server.noStream(late.time()) : late;
  }

  @Override
  public void ended(
      long rows, long first, long spent, @Nullable Throwable error, boolean cancelled) {
    answered = rows > 0;
    boolean counts =
        !(error instanceof ShardTimeoutException late) || late.reached(options.timeouts());
    server.ended(rows, first, rows == 0 ? first : spent, error, cancelled, counts);
    observed.ended(rows, error, cancelled);
    Duration slow = options.slowStatement();
    if (slow != null && spent >= slow.toNanos()) {
      logSlow(rows, spent, error, cancelled);
    }
  }

  private void logSlow(long rows, long spent, @Nullable Throwable error, boolean cancelled) {
    log.atWarn()
        .addKeyValue("shard", server.server().shard())
        .addKeyValue("server", server.server())
        .addKeyValue("elapsed_ms", Duration.ofNanos(spent).toMillis())
        .addKeyValue("rows", rows)
        .addKeyValue("outcome", Outcome.of(error, cancelled))
        .addKeyValue("statement", ShardTimeoutException.shortened(work.text()))
        .log("slow statement");
  }
}
