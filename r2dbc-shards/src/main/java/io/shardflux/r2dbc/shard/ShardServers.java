package io.shardflux.r2dbc.shard;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.StreamTurns;
import io.shardflux.r2dbc.server.Gate;
import io.shardflux.r2dbc.server.LatencyWindow;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.context.ContextView;

/**
 * One shard: its primary, its replicas, and the way of a statement to one of them. Connects to
 * nothing before its first use.
 */
@Internal
public final class ShardServers {

  /** The key in a subscriber's context that makes its reads see its writes. */
  public static final String READ_YOUR_WRITES = "shardflux.read-your-writes";

  /** The time for the answer of a replica that waited in vain. */
  private static final Duration ANSWER = Duration.ofMillis(250);

  /** A write that is done must not wait long for its token. */
  private static final Timeouts POSITION = Timeouts.of(Duration.ofMillis(500));

  private static final Logger log = LoggerFactory.getLogger(ShardServers.class);

  private final Shard shard;
  private final RouterOptions options;
  private final Consumer<ShardEvent> events;
  private final Gate gate = new Gate();
  private final ServerPool primary;
  private final List<ServerPool> replicas = new ArrayList<>();
  private final ReplicaWatch watch;
  private final RetryBudget budget = new RetryBudget();
  private final LongAdder retries = new LongAdder();
  private final LongAdder hedges = new LongAdder();
  private final LongAdder batches = new LongAdder();
  private final LongAdder batchKeys = new LongAdder();
  private final AtomicBoolean closing = new AtomicBoolean();
  private final Sinks.Empty<Void> closed = Sinks.empty();
  private volatile boolean draining;
  private volatile ShardStatistics.Status status = ShardStatistics.Status.ACTIVE;

  public ShardServers(Shard shard, RouterOptions options, Consumer<ShardEvent> events) {
    this.shard = shard;
    this.options = options;
    this.events = events;
    PoolOptions bounds = bounds(shard, options);
    this.primary = pool(server(shard.options(), true), bounds);
    shard.replicas().forEach(replica -> replicas.add(pool(server(replica, false), bounds)));
    this.watch =
        new ReplicaWatch(
            primary,
            replicas,
            options.reads().maxLag(),
            () -> refresh("what its replicas lag has changed"));
  }

  private static PoolOptions bounds(Shard shard, RouterOptions options) {
    return shard.pool() == null ? options.pool() : shard.pool();
  }

  /** The connections that its primary has at most. */
  public int maxConnections() {
    return bounds(shard, options).maxSize();
  }

  /** Those of them that streams, which slow readers may hold, leave to others. */
  public int connectionsBesideStreams() {
    PoolOptions bounds = bounds(shard, options);
    return bounds.maxSize() - bounds.streams();
  }

  private Server server(ConnectionFactoryOptions way, boolean primary) {
    return new Server(shard.id(), way, primary, options.shared());
  }

  private ServerPool pool(Server server, PoolOptions bounds) {
    return new ServerPool(server, bounds, options.breaker(), gate, this::refresh);
  }

  public ShardId id() {
    return shard.id();
  }

  public Shard shard() {
    return shard;
  }

  /**
   * Lets a statement in, which must {@link #leave}.
   *
   * @throws PoolClosingException if the shard is being let go
   * @throws ShardUnavailableException if it is being drained
   */
  public void enter() {
    if (!gate.enter()) {
      if (closing.get()) {
        throw new PoolClosingException(id());
      }
      throw new ShardUnavailableException(
          id(),
          ShardUnavailableException.Why.NOT_ASKED,
          "drained, takes no new statements (expected: a shard in use; resuming it ends the"
              + " draining)",
          null);
    }
  }

  public void leave() {
    gate.leave();
  }

  /** Opens the idle minimum of its servers; one that is down completes all the same. */
  public Mono<Void> warmUp() {
    // Entered as a statement is: a pool disposed of meanwhile would leave the connections open.
    return Mono.using(
        gate::enter,
        entered ->
            entered
                ? Flux.fromIterable(servers()).flatMap(ServerPool::warmUp).then()
                : Mono.empty(),
        entered -> {
          if (entered) {
            leave();
          }
        });
  }

  /** Does the work. The given rows are for one subscription. */
  public <T> Flux<T> run(Work<T> work) {
    if (!work.read()) {
      return attempt(primary, work, work.terms().timeouts()).rows();
    }
    return replicas.isEmpty()
        ? new Reading<>(work, ReadPreference.PRIMARY).rows()
        : Flux.deferContextual(context -> reading(work, context));
  }

  private <T> Flux<T> reading(Work<T> work, ContextView context) {
    CausalRead causal = CausalRead.of(context);
    ReadPreference preference = preferred(work.terms().preference(), context);
    return causal == null || preference == ReadPreference.PRIMARY
        ? new Reading<>(work, preference).rows()
        : new Behind<>(work, preference, causal).rows();
  }

  /** How far the primary is by its GTIDs, or {@link CausalToken#UNKNOWN}. */
  public Mono<String> position() {
    return replicas.isEmpty()
        ? Mono.just(CausalToken.UNKNOWN)
        : attempt(primary, CausalRead.position(Work.Terms.of(POSITION)), POSITION)
            .rows()
            .single()
            .onErrorReturn(CausalToken.UNKNOWN);
  }

  /**
   * Lets in what a statement begins that is inside. It may go on behind the end of that statement.
   */
  public <T> Flux<T> inside(Flux<T> use) {
    return Flux.using(
        () -> {
          gate.hold();
          return this;
        },
        held -> use,
        held -> leave());
  }

  /** Does the work for reads of so many keys, by {@link #inside}. */
  public <T> Flux<T> batch(Work<T> work, int keys) {
    return inside(
        Flux.defer(
            () -> {
              batches.increment();
              batchKeys.add(keys);
              return run(work);
            }));
  }

  /** A read failed before it was sent to any server. */
  public void failed(Throwable error) {
    primary.errors().add(error);
  }

  public <T> Flux<T> lend(
      Function<String, SqlTemplate> templates, Function<Connection, ? extends Publisher<T>> work) {
    return lent(primary.lend(options.timeouts().acquire(), templates, work), "lend");
  }

  public <T> Flux<T> withTransaction(
      Function<String, SqlTemplate> templates, Function<Connection, ? extends Publisher<T>> work) {
    return lent(
        primary.withTransaction(options.timeouts().acquire(), templates, work), "transaction");
  }

  /**
   * Lends a connection of the primary to a user that ends its use itself, such as a transaction.
   */
  public <T> Flux<T> hold(Duration acquire, BiFunction<ServerPool, Connection, Flux<T>> use) {
    return lent(primary.hold(acquire, connection -> use.apply(primary, connection)), "transaction");
  }

  private <T> Flux<T> lent(Flux<T> work, String operation) {
    return Observed.lending(work, options.observations(), primary.server(), operation);
  }

  /** Takes no new statements, and completes when those under way have ended. */
  public Mono<Void> drain() {
    return Mono.defer(
        () -> {
          gate.shut();
          draining = true;
          refresh("drained by hand");
          return gate.empty();
        });
  }

  public void openBreaker() {
    servers().forEach(server -> server.breaker().force());
  }

  /** Takes new statements again, unless it is being let go. */
  public void resume() {
    if (!closing.get()) {
      draining = false;
      gate.open();
      if (closing.get()) {
        // It began to close meanwhile, and what is shut then stays so.
        gate.shut();
      }
    }
    refresh("resumed by hand");
  }

  /** Its servers are asked again. */
  public void closeBreaker() {
    servers().forEach(server -> server.breaker().close());
    refresh("closed by hand");
  }

  /** Bytes that the primary takes at once on a connection of its own. */
  public long maxPacket(Connection connection) {
    return primary.maxPacket(connection);
  }

  public long retries() {
    return retries.sum();
  }

  public long hedges() {
    return hedges.sum();
  }

  public long batches() {
    return batches.sum();
  }

  public long batchKeys() {
    return batchKeys.sum();
  }

  /** The lag of a replica, null if it is not known. */
  @Nullable
  public Duration lag(ServerPool replica) {
    return watch.lag(replica);
  }

  public ShardStatistics statistics(@Nullable Long rowCount) {
    Map<String, Long> errors = new TreeMap<>();
    servers().forEach(server -> server.errors().addTo(errors));
    return new ShardStatistics(
        id(),
        primary.server().host(),
        primary.server().port(),
        status(),
        (double) primary.inFlight() / primary.maxSize(),
        rowCount,
        primary.connectionCounts(),
        servers().stream().mapToInt(ServerPool::inFlight).sum(),
        latency(primary),
        errors,
        servers().stream().mapToLong(ServerPool::kills).sum(),
        breaker(primary),
        replicas.stream().map(this::statistics).toList());
  }

  /**
   * Lets the statements under way finish for at most that time, then ends them and closes every
   * connection. Once begun it goes on by itself: a second call waits for the same end, and a cancel
   * only ends the waiting.
   */
  public Mono<Void> close(Duration patience) {
    return Mono.defer(
        () -> {
          if (closing.compareAndSet(false, true)) {
            gate.shut();
            watch.stop();
            shutDown(patience).subscribe(null, closed::tryEmitError, closed::tryEmitEmpty);
          }
          return closed.asMono();
        });
  }

  @Override
  public String toString() {
    return shard.toString();
  }

  private Mono<Void> shutDown(Duration patience) {
    return gate.empty()
        .timeout(
            patience,
            Mono.fromRunnable(
                () ->
                    log.atWarn()
                        .addKeyValue("shard", id())
                        .log("{} closed with {} statements under way", shard, gate.inside())))
        .thenMany(Flux.fromIterable(servers()).flatMap(ServerPool::close))
        .then();
  }

  /** The primary first. */
  public List<ServerPool> servers() {
    List<ServerPool> servers = new ArrayList<>();
    servers.add(primary);
    servers.addAll(replicas);
    return servers;
  }

  private <T> Attempt<T> attempt(ServerPool server, Work<T> work, Timeouts limits) {
    return new Attempt<>(server, server::withConnection, work, limits, options);
  }

  /**
   * The preference of a subscriber's reads, given the preference of the statement, or null, where
   * reads of several subscribers are joined.
   */
  public ReadPreference preference(@Nullable ReadPreference own, ContextView context) {
    return CausalRead.of(context) == null ? preferred(own, context) : ReadPreference.PRIMARY;
  }

  private ReadPreference preferred(@Nullable ReadPreference own, ContextView context) {
    if (replicas.isEmpty() || context.hasKey(READ_YOUR_WRITES)) {
      return ReadPreference.PRIMARY;
    }
    return own == null ? options.reads().preference() : own;
  }

  /** The one of two random servers that has less to do (Mitzenmacher's power of two choices). */
  private ServerPool pick(ReadPreference preference, List<ServerPool> tried) {
    List<ServerPool> fit = candidates(preference, tried);
    if (fit.isEmpty() && !tried.isEmpty()) {
      fit = candidates(preference, List.of());
    }
    if (fit.isEmpty()) {
      return primary;
    }
    ThreadLocalRandom random = ThreadLocalRandom.current();
    ServerPool one = fit.get(random.nextInt(fit.size()));
    ServerPool other = fit.get(random.nextInt(fit.size()));
    return other.inFlight() < one.inFlight() ? other : one;
  }

  private List<ServerPool> candidates(ReadPreference preference, List<ServerPool> tried) {
    if (preference == ReadPreference.PRIMARY) {
      return List.of();
    }
    watch.begin();
    List<ServerPool> fit = new ArrayList<>();
    replicas.stream()
        .filter(server -> !tried.contains(server) && watch.usable(server))
        .forEach(fit::add);
    boolean last = fit.isEmpty() && !tried.isEmpty() && !tried.contains(primary);
    if ((last || preference == ReadPreference.NEAREST)
        && !tried.contains(primary)
        && primary.breaker().closed()) {
      fit.add(primary);
    }
    return preference == ReadPreference.NEAREST ? watch.nearest(fit) : fit;
  }

  public ShardStatistics.Status status() {
    if (draining) {
      return ShardStatistics.Status.DRAINING;
    }
    boolean writable = primary.breaker().closed();
    if (!writable && replicas.stream().noneMatch(watch::usable)) {
      return ShardStatistics.Status.DOWN;
    }
    boolean well =
        writable
            && !primary.impaired()
            && replicas.stream()
                .allMatch(replica -> status(replica) == ShardStatistics.Status.ACTIVE);
    return well ? ShardStatistics.Status.ACTIVE : ShardStatistics.Status.DEGRADED;
  }

  /** The status of a replica. A replica that was not read from yet is not known to be unwell. */
  private ShardStatistics.Status status(ServerPool replica) {
    if (!replica.breaker().closed()) {
      return ShardStatistics.Status.DOWN;
    }
    return replica.impaired() || (watch.watching() && !watch.usable(replica))
        ? ShardStatistics.Status.DEGRADED
        : ShardStatistics.Status.ACTIVE;
  }

  private ShardStatistics.Replica statistics(ServerPool replica) {
    return new ShardStatistics.Replica(
        replica.server().host(),
        replica.server().port(),
        status(replica),
        replica.connectionCounts(),
        replica.inFlight(),
        latency(replica),
        breaker(replica),
        watch.lag(replica));
  }

  private static ShardStatistics.Breaker breaker(ServerPool server) {
    return new ShardStatistics.Breaker(server.breaker().state(), server.breaker().failureRate());
  }

  private static ShardStatistics.Latency latency(ServerPool server) {
    LatencyWindow.Percentiles percentiles = server.latency().percentiles();
    return new ShardStatistics.Latency(
        percentiles.count(),
        Duration.ofNanos(percentiles.p50Nanos()),
        Duration.ofNanos(percentiles.p95Nanos()),
        Duration.ofNanos(percentiles.p99Nanos()));
  }

  private void refresh(String reason) {
    ShardStatistics.Status before;
    ShardStatistics.Status now;
    synchronized (this) {
      before = status;
      now = status();
      status = now;
    }
    if (before == now) {
      log.atInfo().addKeyValue("shard", id()).log("{} stays {}: {}", id(), now, reason);
    } else {
      log.atWarn()
          .addKeyValue("shard", id())
          .log("{} is {}, was {}: {}", id(), now, before, reason);
      events.accept(new ShardEvent(id(), before, now, Instant.now(), reason));
    }
  }

  /**
   * A read that a replica answers once it has got as far as a token; otherwise the primary does.
   */
  private final class Behind<T> {

    private final Work<T> work;
    private final ReadPreference preference;
    private final CausalRead causal;
    private final long start = System.nanoTime();

    Behind(Work<T> work, ReadPreference preference, CausalRead causal) {
      this.work = work;
      this.preference = preference;
      this.causal = causal;
    }

    Flux<T> rows() {
      String position = causal.token().position(id());
      ServerPool server = pick(preference, List.of());
      return server == primary
              || position.equals(CausalToken.UNKNOWN)
              || !causal.current().getAsBoolean()
          ? new Reading<>(work, ReadPreference.PRIMARY).rows()
          : reached(server, position).flatMapMany(reached -> reached ? there(server) : ofPrimary());
    }

    /** Takes half of the time to a first row, or little more, for a connection and the replica. */
    private Mono<Boolean> reached(ServerPool server, String position) {
      Duration most = work.terms().timeouts().firstRow().dividedBy(2);
      Duration wait = causal.patience().compareTo(most) < 0 ? causal.patience() : most;
      Timeouts limits = Timeouts.of(wait.plus(ANSWER)).withAcquire(wait);
      return server.awaited(
          attempt(server, CausalRead.reaches(position, wait, Work.Terms.of(limits)), limits)
              .rows()
              .single()
              // The keys may have moved meanwhile.
              .map(reached -> reached && causal.current().getAsBoolean())
              .onErrorReturn(false)
              // A stream's place is the read's, and not the wait's.
              .contextWrite(context -> context.delete(StreamTurns.KEY)));
    }

    private Flux<T> there(ServerPool server) {
      Timeouts left = left();
      if (left == null) {
        return late();
      }
      Attempt<T> attempt = attempt(server, work, left);
      return attempt
          .rows()
          .onErrorResume(
              error ->
                  attempt.answered() || !ShardErrors.passing(error)
                      ? Flux.error(error)
                      : ofPrimary());
    }

    private Flux<T> ofPrimary() {
      Timeouts left = left();
      return left == null
          ? late()
          : new Reading<>(work.within(left), ReadPreference.PRIMARY).rows();
    }

    private @Nullable Timeouts left() {
      return work.terms().timeouts().after(Duration.ofNanos(System.nanoTime() - start));
    }

    private Flux<T> late() {
      return Flux.error(
          new ShardTimeoutException(
              id(),
              ShardTimeoutException.Bound.FIRST_ROW,
              work.terms().timeouts().firstRow(),
              Duration.ofNanos(System.nanoTime() - start),
              0,
              work.text()));
    }
  }

  /** One read. It is retried, or sent to a second server, as {@link ReadOptions} allow. */
  private final class Reading<T> {

    private static final long BACKOFF_MILLIS = 20;

    private final Work<T> work;
    private final ReadPreference preference;
    private final long start = System.nanoTime();
    // A hedge may be on its way to a server while its first go fails on another thread.
    private final List<ServerPool> tried = new CopyOnWriteArrayList<>();
    private volatile boolean hedgeAnswered;

    Reading(Work<T> work, ReadPreference preference) {
      this.work = work;
      this.preference = preference;
    }

    Flux<T> rows() {
      budget.deposit();
      return go(0, work.terms().timeouts());
    }

    private Flux<T> go(int retry, Timeouts limits) {
      ServerPool server = pick(preference, tried);
      tried.add(server);
      Attempt<T> attempt = attempt(server, work, limits);
      Flux<T> rows = retry == 0 ? hedged(attempt.rows(), server, limits) : attempt.rows();
      return retry == options.reads().retries()
          ? rows
          : rows.onErrorResume(error -> again(retry, attempt, error));
    }

    private Flux<T> again(int retry, Attempt<T> attempt, Throwable error) {
      Timeouts left = work.terms().timeouts().after(Duration.ofNanos(System.nanoTime() - start));
      if (left == null
          || attempt.answered()
          || hedgeAnswered
          || !ShardErrors.passing(error)
          || !elsewhere(attempt)
          || !(ShardErrors.unsent(error) || budget.withdraw())) {
        return Flux.error(error);
      }
      retries.increment();
      long wait = ThreadLocalRandom.current().nextLong(BACKOFF_MILLIS << retry);
      return Mono.delay(Duration.ofMillis(wait)).flatMapMany(tick -> go(retry + 1, left));
    }

    /** A server that is out is not asked again, unless there is another. */
    private boolean elsewhere(Attempt<T> attempt) {
      return attempt.server().breaker().closed() || pick(preference, tried) != attempt.server();
    }

    /** A second go behind the usual time; whichever answers first is the answer. */
    private Flux<T> hedged(Flux<T> first, ServerPool server, Timeouts limits) {
      long usual = server.latency().p95Nanos();
      if (!options.reads().hedge() || preference == ReadPreference.PRIMARY || usual < 0) {
        return first;
      }
      Timeouts left = limits.after(Duration.ofNanos(usual));
      if (left == null) {
        return first;
      }
      Flux<T> second = Mono.delay(Duration.ofNanos(usual)).flatMapMany(tick -> hedge(server, left));
      return Flux.firstWithSignal(first, second);
    }

    private Flux<T> hedge(ServerPool server, Timeouts limits) {
      ServerPool other = pick(preference, tried);
      if (other == server || !other.breaker().closed() || !budget.withdraw()) {
        return Flux.never();
      }
      tried.add(other);
      hedges.increment();
      Attempt<T> attempt = attempt(other, work, limits);
      // The first go is under way still, and tells what becomes of the read.
      return attempt
          .rows()
          .doOnNext(row -> hedgeAnswered = true)
          .onErrorResume(error -> hedgeAnswered ? Flux.error(error) : Flux.never());
    }
  }
}
