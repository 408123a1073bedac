package io.shardflux.reshard;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.JobLostException;
import io.shardflux.cluster.Jobs.Job;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.reshard.job.CopyJob;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.job.MoveWork;
import io.shardflux.reshard.job.MoveWork.GivenUp;
import io.shardflux.reshard.job.OwnedMove;
import io.shardflux.reshard.plan.DirectoryKeys;
import io.shardflux.reshard.plan.Draft;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.plan.MovePlanner;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.plan.Passage;
import io.shardflux.reshard.progress.Course;
import io.shardflux.reshard.progress.Failure;
import io.shardflux.reshard.progress.JobPlan;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveEvents;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.reshard.progress.ReportText;
import io.shardflux.reshard.progress.Shown;
import io.shardflux.reshard.transfer.KeptFence;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.watch.Latencies;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/** The moves of a cluster, which this router does as far as no other one does them. */
final class DefaultShardMoves implements ShardMoves {

  private static final Logger log = LoggerFactory.getLogger(DefaultShardMoves.class);
  private static final int SHOWN = 20;
  private static final Duration LOOK = Duration.ofSeconds(1);
  private static final Duration SHOW = Duration.ofMillis(500);

  private static final Duration SHORTEST = Duration.ofSeconds(3);
  private static final Duration RENEWAL = Duration.ofSeconds(1);

  /** The time within which a plan is told what becomes of statements. */
  private static final Duration STATEMENTS = Duration.ofSeconds(30);

  private static final int LONGEST_REFUSAL = 4_000;

  /** The time after which a close no longer waits for the end of a switch. */
  private static final Duration CLOSE_BOUND = Duration.ofMinutes(1);

  private final ClusterAccess cluster;

  /** The time after which another router may take the job of one that died. */
  private final Duration owned;

  private final Function<Topology, Flux<String>> statements;
  private final MoveJob.Guards guards;
  private final Latencies latencies;
  private final MoveEvents events = new MoveEvents();
  private final Sinks.Many<Long> started = Sinks.many().multicast().directBestEffort();
  private final Sinks.Empty<Void> ended = Sinks.empty();
  private final Disposable working;
  private volatile boolean closing;
  private volatile Failure failure = Failure.NONE;

  DefaultShardMoves(ClusterRouter router, MoveJob.Guards guards) {
    this(router, guards, then -> Flux.empty());
  }

  DefaultShardMoves(
      ClusterRouter router, MoveJob.Guards guards, Function<Topology, Flux<String>> statements) {
    this(router, guards, statements, ClusterAccess.of(router).resharding().enabled());
  }

  /**
   * The moves of a cluster.
   *
   * @param statements what becomes of an application's statements by a topology
   * @param does whether this router does them, whatever its document says
   */
  DefaultShardMoves(
      ClusterRouter router,
      MoveJob.Guards guards,
      Function<Topology, Flux<String>> statements,
      boolean does) {
    this.cluster = ClusterAccess.of(router);
    this.statements = statements;
    Duration twice = cluster.lease().multipliedBy(2);
    this.owned = twice.compareTo(SHORTEST) > 0 ? twice : SHORTEST;
    this.guards = guards;
    this.latencies = new Latencies(router.router());
    this.working =
        (does ? working() : Flux.<Long>empty()).doFinally(end -> ended.tryEmitEmpty()).subscribe();
  }

  private Flux<Long> working() {
    return Mono.defer(this::work)
        .onErrorResume(this::logged)
        .then(Mono.defer(this::pause))
        .repeat(() -> !closing);
  }

  /** The time until the next look, which a start here ends. */
  private Mono<Long> pause() {
    return Mono.firstWithSignal(Mono.delay(LOOK), started.asFlux().next());
  }

  private Mono<Void> logged(Throwable error) {
    log.warn("moves: {}", String.valueOf(error.getMessage()));
    return Mono.empty();
  }

  @Override
  public Mono<MovePlan> plan(Intent intent) {
    return new MovePlanner(cluster).plan(intent).flatMap(this::withStatements);
  }

  /** A plan is made without them, too, and says so. */
  private Mono<MovePlan> withStatements(MovePlan plan) {
    return Mono.fromSupplier(() -> plan.finished(cluster.opened().topology()))
        .flatMapMany(statements)
        .take(MovePlan.MOST_STATEMENTS)
        .collectList()
        .timeout(STATEMENTS)
        .onErrorResume(error -> Mono.just(List.of("not known: " + error.getMessage())))
        .map(plan::withStatements);
  }

  @Override
  public Mono<MovePlan> plan(String strategy, String next) {
    // A text may be as long as a document.
    return Mono.fromCallable(() -> RouterDocument.strategy(strategy, next))
        .subscribeOn(Schedulers.boundedElastic())
        .flatMap(read -> plan(strategy, read));
  }

  private Servers servers() {
    return new Servers(cluster.opened().shards(), cluster.resharding().maxConnections());
  }

  @Override
  public Mono<Long> start(MovePlan plan) {
    return cluster
        .look()
        // A topology may be long.
        .publishOn(Schedulers.boundedElastic())
        .then(Mono.fromCallable(() -> jobPlan(plan)))
        .delayUntil(first -> directoriesAsPlanned(plan))
        .flatMap(
            first ->
                cluster
                    .jobs()
                    .add(JobPlan.JOB_KIND, first.text(), JobState.FIRST.text())
                    .switchIfEmpty(Mono.error(() -> new MoveRefusedException(List.of(UNDER_WAY)))))
        // One that is not heard is met by the next look.
        .doOnNext(started::tryEmitNext);
  }

  private JobPlan jobPlan(MovePlan plan) {
    if (!plan.refusals().isEmpty()) {
      throw new MoveRefusedException(plan.refusals());
    }
    checkFence(plan);
    List<Refusal> outdated =
        plan.parts().stream().flatMap(part -> outdated(part).stream()).toList();
    if (!outdated.isEmpty()) {
      throw new MoveRefusedException(outdated);
    }
    List<JobPlan> jobs =
        plan.parts().stream().map(part -> JobPlan.of(part, plan.options(), json(part))).toList();
    return jobs.get(0).with(0, jobs.stream().skip(1).map(JobPlan::text).toList());
  }

  private static Mono<Void> directoriesAsPlanned(MovePlan plan) {
    return Flux.fromIterable(plan.parts())
        .concatMap(
            part ->
                DirectoryKeys.unlike(part.old())
                    .map(
                        other ->
                            new Refusal(Code.OUTDATED, part.strategy(), other + "; plan it anew")))
        .next()
        .flatMap(refusal -> Mono.error(new MoveRefusedException(List.of(refusal))));
  }

  /** A trigger can't know the keys that a directory will be given. */
  private static void checkFence(MovePlan plan) {
    if (plan.options().keepsFence()
        && plan.parts().stream().anyMatch(part -> part.old() instanceof NamedKeysStrategy)) {
      throw new IllegalArgumentException(
          "clean: keep-fence, for keys of a directory (expected: delete)");
    }
  }

  @Override
  public Mono<Void> unfence(String strategy) {
    return Mono.defer(
        () -> {
          Map<String, List<KeyColumn>> tables = fenced(strategy);
          return cluster
              .jobs()
              .all(JobPlan.JOB_KIND, 1)
              .filter(job -> !job.ended())
              .next()
              .flatMap(job -> Mono.<Void>error(new MoveRefusedException(List.of(UNDER_WAY))))
              .then(unfenced(tables));
        });
  }

  /** The tables of a strategy with the columns of their keys; a pinned table stands for itself. */
  private Map<String, List<KeyColumn>> fenced(String strategy) {
    Topology now = cluster.opened().topology();
    Map<String, List<KeyColumn>> tables = new LinkedHashMap<>();
    Draft.rules(now, strategy).forEach(rule -> tables.put(rule.table(), rule.key()));
    if (tables.isEmpty() && now.tables().get(strategy) instanceof TableRule.Pinned) {
      tables.put(strategy, List.of());
    }
    if (tables.isEmpty()) {
      throw new IllegalArgumentException(
          "strategy: " + strategy + " (expected: one that a table has, or a table that is pinned)");
    }
    return tables;
  }

  private Mono<Void> unfenced(Map<String, List<KeyColumn>> tables) {
    return Mono.usingWhen(
        Mono.fromCallable(this::servers).subscribeOn(Schedulers.boundedElastic()),
        servers ->
            Flux.fromIterable(cluster.opened().topology().shards())
                .concatMap(
                    shard ->
                        servers.on(
                            shard,
                            session ->
                                Flux.fromIterable(tables.entrySet())
                                    .concatMap(
                                        table ->
                                            MovedTable.read(
                                                session, table.getKey(), table.getValue()))
                                    .concatMap(table -> KeptFence.removed(session, table))
                                    .then(Mono.just(true))))
                .then(),
        Servers::close);
  }

  private Optional<Refusal> outdated(MovePlan.Part part) {
    Topology now = cluster.opened().topology();
    Passage passage = Passage.of(part);
    return passage.isUnderWay(now)
        ? Optional.of(UNDER_WAY)
        : passage
            .unlike(now)
            .map(other -> new Refusal(Code.OUTDATED, part.strategy(), other + "; plan it anew"));
  }

  /** The topology with a part's strategies and rules. */
  private String json(MovePlan.Part part) {
    TopologyDocument.Opened now = cluster.opened();
    return now.document()
        .next(
            now.topology()
                .with(
                    part.strategy(),
                    TransitionStrategy.of(part.old(), part.next(), List.of()),
                    part.rules()),
            now.shards(),
            cluster.own().accounts())
        .json();
  }

  private static final Refusal UNDER_WAY =
      new Refusal(
          Code.UNDER_WAY,
          "job",
          "another move is under way (expected: none; wait for its end, or cancel it)");

  @Override
  public Mono<Void> want(long job, Wanted wanted) {
    return last(job)
        .flatMap(
            last ->
                last.ended()
                    ? Mono.empty()
                    : cluster
                        .jobs()
                        .want(last.id(), Course.text(wanted))
                        .then(cluster.jobs().get(last.id()))
                        // It may have ended just before, and the rest of its plan begun.
                        .filter(now -> now.ended() && !rest(now).isEmpty())
                        .flatMap(now -> want(job, wanted)));
  }

  @Override
  public Flux<MoveProgress> progress(long job) {
    return last(job)
        .map(Shown::of)
        .switchIfEmpty(
            Mono.error(
                () -> new IllegalArgumentException("job: " + job + " (expected: one of all())")))
        .repeatWhen(shown -> shown.concatMap(end -> Mono.delay(SHOW), 1))
        .takeUntil(MoveProgress::ended);
  }

  /** A job, or the one that does the rest of its plan by now; empty if there is none. */
  private Mono<Job> last(long job) {
    return cluster
        .jobs()
        .get(job)
        .expand(done -> !done.ended() || rest(done).isEmpty() ? Mono.empty() : following(done.id()))
        .takeLast(1)
        .next();
  }

  private Mono<Job> following(long job) {
    return cluster
        .jobs()
        .all(JobPlan.JOB_KIND, SHOWN)
        .filter(later -> beforeOf(later) == job)
        .next();
  }

  /** The parts that must follow a job; none are known of a plan of another version. */
  private static List<String> rest(Job job) {
    JobPlan plan = Shown.plan(job);
    return plan == null ? List.of() : plan.rest();
  }

  private static long beforeOf(Job job) {
    JobPlan plan = Shown.plan(job);
    return plan == null ? 0 : plan.before();
  }

  @Override
  public Optional<MoveProgress> newest() {
    return events.newest();
  }

  @Override
  public Flux<MoveEvent> events() {
    return events.all();
  }

  @Override
  public Flux<MoveProgress> all() {
    return cluster.jobs().all(JobPlan.JOB_KIND, SHOWN).map(Shown::of);
  }

  private void seen(Job job) {
    MoveProgress now = Shown.of(job);
    events.seen(
        now,
        cluster.opened().topology().strategies().get(now.strategy())
                instanceof TransitionStrategy way
            ? way.steps()
            : List.of());
  }

  /** A job that is seen no more has ended unseen. */
  private Mono<Void> seenBefore(Job newest) {
    return Mono.justOrEmpty(events.newest())
        .filter(last -> !last.ended() && last.job() < newest.id())
        .flatMap(last -> cluster.jobs().get(last.job()))
        .doOnNext(this::seen)
        .then();
  }

  /** Does the moves that nobody does, one after the other. */
  private Mono<Void> work() {
    return cluster
        .jobs()
        .all(JobPlan.JOB_KIND, 1)
        .concatMap(job -> seenBefore(job).thenReturn(job))
        .doOnNext(this::seen)
        .filter(job -> !job.ended())
        .filterWhen(job -> latencies.before(job.id()).thenReturn(true))
        .filter(job -> !job.owned() && (!isPaused(job) || inTheWay(job)))
        .filter(job -> !failure.keepsFrom(job))
        .concatMap(job -> cluster.jobs().take(job.id(), this.owned))
        .concatMap(owned -> cluster.jobs().get(owned.job()).flatMap(job -> done(job, owned)))
        .then();
  }

  private static boolean isPaused(Job job) {
    return job.wanted().equals("pause");
  }

  /** Tells whether an owner that died left writers to wait, or to write a copy. */
  private boolean inTheWay(Job job) {
    JobPlan plan = Shown.plan(job);
    Topology now = cluster.opened().topology();
    return plan != null
        && (plan.kind() == MovePlan.Kind.COPY
            ? plan.tables().stream()
                .map(table -> now.tables().get(table.name()))
                .anyMatch(
                    rule ->
                        rule instanceof TableRule.Reference copies
                            && copies.joining().contains(plan.pairs().get(0).to()))
            : now.strategies().get(plan.strategy()) instanceof TransitionStrategy way
                && way.steps().stream().anyMatch(step -> step.phase().waits()));
  }

  private Mono<Void> done(Job job, Owned owned) {
    return Mono.usingWhen(
            cluster
                .forward(owned)
                .then(Mono.fromCallable(() -> servers()).subscribeOn(Schedulers.boundedElastic())),
            servers -> newest(job).flatMap(now -> doing(now, owned, servers)),
            Servers::close)
        .onErrorResume(JobLostException.class, this::logged)
        .onErrorResume(error -> failed(job, owned, error));
  }

  /** Lets go of a job that failed, and takes it again after a while that grows. */
  private Mono<Void> failed(Job job, Owned owned, Throwable error) {
    failure = failure.with(job, String.valueOf(error.getMessage()));
    return logged(error)
        .then(cluster.jobs().met(owned, failure.message()))
        .then(cluster.jobs().leave(owned))
        // The job is free once its time is over, too.
        .onErrorComplete();
  }

  /** A restored control server may have an older state of the job than the shards. */
  private Mono<Job> newest(Job job) {
    return cluster
        .copies()
        .newest(job.id(), cluster.opened().topology().shards())
        .filter(copy -> copy.number() > JobState.parse(job.state()).copy())
        .map(copy -> job.with(copy))
        .defaultIfEmpty(job);
  }

  private Mono<Void> doing(Job job, Owned owned, Servers servers) {
    JobPlan plan = JobPlan.parse(job.plan());
    return Mono.fromCallable(() -> passage(plan))
        .subscribeOn(Schedulers.boundedElastic())
        .flatMap(
            passage -> {
              OwnedMove move =
                  new OwnedMove(
                      cluster, servers, owned, passage, plan, latencies, job.state(), guards);
              MoveWork work =
                  plan.kind() == MovePlan.Kind.COPY ? new CopyJob(move) : new MoveJob(move);
              // What is wanted may have changed before the job was taken.
              return isPaused(job)
                  ? work.rested().then(cluster.jobs().leave(owned))
                  : doing(job, owned, plan, work);
            });
  }

  private Mono<Void> doing(Job job, Owned owned, JobPlan plan, MoveWork work) {
    work.move().watch().goesOn(job.report());
    work.noted(report -> seen(Course.at(job, work.state(), report)));
    Mono<Void> all =
        all(job, work)
            .map(why -> goesOn(job, owned, plan, work, why))
            .defaultIfEmpty(Mono.defer(() -> ended(job, owned, plan, work)))
            .flatMap(end -> end);
    return Mono.firstWithSignal(all.thenReturn(false), kept(job, owned, work).thenReturn(true))
        .filter(stopped -> stopped)
        .flatMap(stopped -> rested(work).then(cluster.jobs().leave(owned)))
        .onErrorResume(
            error -> !(error instanceof JobLostException),
            error -> rested(work).then(Mono.error(error)));
  }

  private Mono<Void> rested(MoveWork work) {
    return Mono.defer(work::rested).onErrorResume(this::logged);
  }

  /** Ends a job; the rest of its plan begins, if it was not taken back. */
  private Mono<Void> ended(Job job, Owned owned, JobPlan plan, MoveWork work) {
    JobPlan following = Course.goesBack(job) ? null : plan.following(owned.job()).orElse(null);
    OwnedMove move = work.move();
    return (following == null
            ? move.ended().then(Mono.defer(() -> cluster.jobs().end(owned, null)))
            // Who knows of the end alone would never begin the rest.
            : move.begun()
                .then(
                    Mono.defer(
                        () ->
                            cluster
                                .jobs()
                                .end(owned, job.wanted(), following.text(), JobState.FIRST.text())))
                .then(Mono.defer(() -> move.ended().onErrorComplete())))
        .then(Mono.defer(() -> toldEnd(owned)));
  }

  /** Tells that a job has ended; an error of that look is passed over. */
  private Mono<Void> toldEnd(Owned owned) {
    return cluster.jobs().get(owned.job()).doOnNext(this::seen).onErrorComplete().then();
  }

  /** Does what is wanted; gives why it can't be done. */
  private static Mono<String> all(Job job, MoveWork work) {
    Wanted wanted = Course.wanted(job);
    if (Course.stays(job)) {
      return work.stayed();
    }
    return Course.goesBack(job)
        ? work.undone(wanted != Wanted.CANCEL)
        : work.run(wanted).then(Mono.empty());
  }

  /**
   * Refuses a cancel, reverse or stay: the job goes on, and says why until something else is
   * wanted; after a cancel it goes on alone, and so does a copy.
   */
  private Mono<Void> goesOn(Job job, Owned owned, JobPlan plan, MoveWork work, String why) {
    log.warn("job {}: {}", owned.job(), why);
    boolean alone = Course.wanted(job) == Wanted.CANCEL || plan.kind() == MovePlan.Kind.COPY;
    JobPlan left = alone ? plan.with(plan.before(), List.of()) : plan;
    return work.move()
        .refused(shortened(why), left.text())
        .flatMap(state -> cluster.jobs().turn(owned, job.wanted(), "run", left.text(), state, why))
        .then(cluster.jobs().leave(owned))
        // It is told though something else is wanted at this moment, which ends what is done.
        .cache();
  }

  private static String shortened(String why) {
    return why.substring(0, Math.min(why.length(), LONGEST_REFUSAL));
  }

  private Passage passage(JobPlan plan) {
    Topology topology =
        TopologyDocument.parse(plan.topology()).open(1, cluster.own(), cluster.opened()).topology();
    if (!(topology.strategies().get(plan.strategy()) instanceof TransitionStrategy way)) {
      throw new IllegalStateException(
          "job: strategy " + plan.strategy() + " in its plan (expected: one on its way)");
    }
    return new Passage(
        plan.kind(),
        plan.strategy(),
        plan.tables().stream().map(MovePlan.Table::name).toList(),
        way.old(),
        way.next(),
        plan.kind().hasRules() ? Draft.rules(topology, plan.strategy()) : List.of(),
        plan.into());
  }

  /**
   * Owns the job for as long as it is done here. Completes, and so ends what is done, where
   * something else is wanted or this router closes; not while writers wait for the end of a switch.
   */
  private Mono<Void> kept(Job job, Owned owned, MoveWork work) {
    return Mono.delay(RENEWAL)
        .then(Mono.defer(() -> cluster.jobs().renew(owned, this.owned, report(work))))
        .then(Mono.defer(() -> cluster.jobs().get(owned.job())))
        .doOnNext(now -> seen(Course.at(now, work.state(), now.report())))
        // While control does not answer the tokens keep owners apart.
        .onErrorResume(error -> !(error instanceof JobLostException), error -> Mono.empty())
        .repeat()
        .takeWhile(now -> (now.wanted().equals(job.wanted()) && !closing) || !work.stopped())
        .takeUntil(now -> givenUp(job, work) != null && work.stopped())
        .then(Mono.defer(() -> givenUp(job, owned, work)));
  }

  private static @Nullable GivenUp givenUp(Job job, MoveWork work) {
    return work.givenUp(Course.wanted(job), Course.goesBack(job));
  }

  /** Has a move that falls behind end as an operator would. */
  private Mono<Void> givenUp(Job job, Owned owned, MoveWork work) {
    GivenUp end = givenUp(job, work);
    if (end == null || !work.stopped()) {
      return Mono.empty();
    }
    log.warn("job {}: {}", owned.job(), end.text());
    return work.move()
        .refused(shortened(end.text()), job.plan())
        .flatMap(
            state ->
                cluster
                    .jobs()
                    .turn(
                        owned,
                        job.wanted(),
                        Course.text(end.wanted()),
                        job.plan(),
                        state,
                        end.text()));
  }

  private static String report(MoveWork work) {
    return ReportText.of(work.report()) + work.move().watch().since();
  }

  @Override
  public Mono<Void> close() {
    return Mono.defer(
        () -> {
          closing = true;
          return ended
              .asMono()
              .timeout(CLOSE_BOUND, Mono.fromRunnable(working::dispose))
              .doFinally(end -> events.complete());
        });
  }
}
