package io.shardflux.reshard.job;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.ClusterAccess.Ahead;
import io.shardflux.cluster.JobCopies;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.job.MoveJob.Guards;
import io.shardflux.reshard.plan.DirectoryKeys;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.Passage;
import io.shardflux.reshard.progress.Gathered;
import io.shardflux.reshard.progress.JobPlan;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.Share;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Pace;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.transfer.Stragglers;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.reshard.watch.Latencies;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.Internal;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A move as its owner has it: what is published of it, and how far it is noted to be. Each piece of
 * its work may be done again by another owner after a crash at any point.
 */
@Internal
public final class OwnedMove {

  private static final Logger log = LoggerFactory.getLogger(OwnedMove.class);

  /** The least time that servers count, by whole seconds. */
  private static final Duration SHORTEST = Duration.ofSeconds(1);

  private final ClusterAccess cluster;
  private final Servers servers;
  private final Owned owned;
  private final Passage passage;
  private final JobPlan plan;
  private final MoveOptions options;
  private final MoveWatch watch;
  private final Guards guards;
  private volatile JobState state;
  private volatile Runnable noted = () -> {};

  /** The number of the newest copy that the shards got. */
  private final AtomicLong copies;

  public OwnedMove(
      ClusterAccess cluster,
      Servers servers,
      Owned owned,
      Passage passage,
      JobPlan plan,
      Latencies latencies,
      String state,
      Guards guards) {
    this.cluster = cluster;
    this.servers = servers;
    this.owned = owned;
    this.passage = passage;
    this.plan = plan;
    this.options = plan.options();
    this.state = JobState.parse(state);
    this.copies = new AtomicLong(this.state.copy());
    this.guards = guards;
    Share share = new Share(plan.tables(), plan.pairs());
    this.watch = new MoveWatch(this, latencies, new Gathered(share, System::nanoTime));
  }

  public ClusterAccess cluster() {
    return cluster;
  }

  public Servers servers() {
    return servers;
  }

  public Owned owned() {
    return owned;
  }

  public Passage passage() {
    return state.source().map(passage::from).orElse(passage);
  }

  /** The same at its end, once a directory knows where the keys are that were named on the way. */
  public Mono<Passage> arrived() {
    return written(named -> DirectoryKeys.arrived(transition(), named));
  }

  /** The same where each key stays where it is on the way. */
  public Mono<Passage> stayed() {
    return written(named -> DirectoryKeys.stayed(transition()));
  }

  private Mono<Passage> written(Function<NamedKeysStrategy, DirectoryStrategy> directory) {
    return Mono.defer(
        () ->
            passage().next() instanceof NamedKeysStrategy named
                ? DirectoryKeys.written(transition(), owned, cluster.jobs().owns(owned))
                    .then(Mono.fromSupplier(() -> passage().to(directory.apply(named))))
                : Mono.just(passage()));
  }

  /**
   * Has a directory give unknown keys to its new shards, once all routers know these, and takes
   * shards out that shall go, once no router gives them keys any more. Each is done once, however
   * often an owner ends it.
   */
  public Mono<Void> letGo() {
    return Mono.defer(this::ruled).then(Mono.defer(this::emptyOnesGo));
  }

  private Mono<Void> ruled() {
    return DirectoryKeys.ruled(now().strategies().get(strategy()), passage().next())
        .map(
            ruled ->
                cluster
                    .awaited(now().epoch())
                    .then(
                        Mono.defer(
                            () ->
                                publish(
                                    topology -> topology.withStrategy(strategy(), ruled),
                                    "the directory " + strategy() + " has its rule")))
                    .then())
        .orElseGet(Mono::empty);
  }

  private Mono<Void> emptyOnesGo() {
    Set<ShardId> going = DirectoryKeys.going(now().strategies().get(strategy()), passage().next());
    return !going.isEmpty() && now().strategies().get(strategy()) instanceof DirectoryStrategy rest
        // A lookup that began before may still be about to assign its key.
        ? settledOn(() -> now().shards().stream(), rest.timeout())
            .then(Mono.defer(() -> letGo(going)))
        : Mono.empty();
  }

  private Mono<Void> letGo(Set<ShardId> going) {
    return now().strategies().get(strategy()) instanceof DirectoryStrategy directory
        ? DirectoryKeys.without(directory, going)
            .flatMap(
                left ->
                    publish(
                        topology -> topology.withStrategy(strategy(), left),
                        "the directory " + strategy() + " has no keys of " + going))
            .doOnSuccess(epoch -> told(going))
            .then()
        : Mono.empty();
  }

  private void told(Set<ShardId> going) {
    Set<ShardId> left = new LinkedHashSet<>(going);
    left.retainAll(Objects.requireNonNull(now().strategies().get(strategy())).shards());
    if (!left.isEmpty()) {
      log.warn(
          "job {}: the directory {} has keys on {} (expected: none); they were assigned since the"
              + " plan; plan it again",
          owned.job(),
          strategy(),
          left);
    }
  }

  public String strategy() {
    return passage.strategy();
  }

  public MoveOptions options() {
    return options;
  }

  public MoveWatch watch() {
    return watch;
  }

  public Pace pace() {
    return new Pace(options.rowsPerSecond());
  }

  public Guards guards() {
    return guards;
  }

  public JobState state() {
    return state;
  }

  /** Notes how far it is, for the next owner. */
  public Mono<Void> at(JobState reached) {
    boolean piece =
        reached.phase() == state.phase()
            && reached.step() == state.step()
            && reached.marks().equals(state.marks());
    return guards
        .before("note " + reached.phase())
        .then(piece ? Mono.empty() : copied(reached, plan.text(), false))
        .then(Mono.defer(() -> cluster.jobs().note(owned, numbered(reached).text())))
        .doOnSuccess(
            done -> {
              state = numbered(reached);
              noted.run();
            });
  }

  /** Has something be done whenever it was noted how far it is; it must not block, nor fail. */
  public void noted(Runnable told) {
    noted = told;
  }

  /** The same, later than each copy that the shards may have by now. */
  public JobState numbered(JobState reached) {
    return reached.numbered(copies.get());
  }

  /** Has the shards know how far it is, before the control server does. */
  private Mono<Void> copied(JobState reached, String itsPlan, boolean ended) {
    return Mono.defer(
        () -> {
          copies.incrementAndGet();
          return cluster
              .copies()
              .write(
                  new JobCopies.Copy(
                      owned.job(),
                      JobPlan.JOB_KIND,
                      itsPlan,
                      numbered(reached).text(),
                      ended,
                      copies.get(),
                      owned.token()),
                  shards());
        });
  }

  /** Has the shards know of the job before they can hold anything of it. */
  public Mono<Void> begun() {
    return copied(state, plan.text(), false);
  }

  /** Has the shards know that the job ends. */
  public Mono<Void> ended() {
    return copied(state, plan.text(), true);
  }

  /**
   * How far it is, as a job of which something was refused or given up. The shards know that, too,
   * if one of them answers.
   *
   * @param left what it must do from then on
   */
  public Mono<String> refused(String why, String left) {
    return Mono.defer(
        () -> {
          JobState refused = state.refused(why);
          return copied(refused, left, false)
              .onErrorComplete()
              .then(Mono.fromSupplier(() -> numbered(refused).text()));
        });
  }

  private Set<ShardId> shards() {
    Set<ShardId> shards = new LinkedHashSet<>(passage().old().shards());
    shards.addAll(passage.next().shards());
    shards.retainAll(now().shards());
    return shards;
  }

  /** Counts rows that were copied; they are noted with the next piece. */
  public void copied(long rows) {
    state = state.copied(rows);
    watch.rows(rows);
  }

  public boolean isAt(JobState.Phase phase) {
    return state.phase() == phase;
  }

  public boolean isBefore(JobState.Phase phase) {
    return state.phase().compareTo(phase) < 0;
  }

  public Topology now() {
    return cluster.opened().topology();
  }

  public boolean onItsWay() {
    return passage.isUnderWay(now());
  }

  /** The strategy on its way, as it is published. */
  public TransitionStrategy transition() {
    if (now().strategies().get(strategy()) instanceof TransitionStrategy way) {
      return way;
    }
    throw new IllegalStateException(
        "strategies." + strategy() + ": not on its way (expected: as the job published it)");
  }

  /** The number of its steps. */
  public int steps() {
    return passage.kind() == MovePlan.Kind.COPY ? 1 : transition().steps().size();
  }

  /** The published phase of a step, which says where its keys are. */
  public Phase phaseOf(Step step) {
    return transition().steps().stream()
        .filter(each -> isPair(each, step))
        .findFirst()
        .orElseThrow()
        .phase();
  }

  /** True if the keys of any step have moved. */
  public boolean keysMoved() {
    return passage.kind() != MovePlan.Kind.COPY && anyThere();
  }

  private boolean anyThere() {
    return transition().steps().stream().anyMatch(step -> step.phase().there());
  }

  /** The number of steps that have begun; there may be none to begin. */
  public int begunSteps() {
    return Math.min(state.begun() + 1, transition().steps().size());
  }

  private static boolean isPair(Step one, Step other) {
    return one.from().equals(other.from()) && one.to().equals(other.to());
  }

  public Mono<Long> publish(UnaryOperator<Topology> change, String why) {
    return guards.before("publish").then(Mono.defer(() -> cluster.publish(owned, change, why)));
  }

  public Mono<Long> publish(Ahead ahead, String why) {
    return guards.before("publish").then(Mono.defer(() -> cluster.publish(owned, ahead, why)));
  }

  /** Publishes where the keys of a step are. */
  public Mono<Long> publish(Step step, Phase phase, String why) {
    return publish(topology -> in(topology, step, phase), why);
  }

  /** The topology that is published next, with the keys of a step in that phase. */
  public Mono<Ahead> ahead(Step step, Phase phase) {
    return cluster.ahead(topology -> in(topology, step, phase));
  }

  private Topology in(Topology topology, Step step, Phase phase) {
    TransitionStrategy way = transition();
    List<Step> steps =
        way.steps().stream().map(each -> isPair(each, step) ? each.in(phase) : each).toList();
    return topology.withStrategy(strategy(), way.with(steps));
  }

  /**
   * Does the work for each range of each table's keys, from where the job is.
   *
   * @param bound the end of the range behind a key; empty at the end of all
   */
  public Mono<Void> ranges(
      List<Transfer> transfers,
      BiFunction<Transfer, List<String>, Mono<List<String>>> bound,
      BiFunction<Transfer, KeyRange, Mono<Void>> work) {
    return Mono.defer(
            () -> {
              if (state.table() >= transfers.size()) {
                return Mono.<Void>empty();
              }
              Transfer transfer = transfers.get(state.table());
              List<String> after = state.key();
              return bound
                  .apply(transfer, after)
                  .defaultIfEmpty(List.of())
                  .flatMap(
                      upTo ->
                          work.apply(transfer, new KeyRange(after, upTo))
                              .then(Mono.defer(() -> at(behind(upTo)))));
            })
        .repeat(() -> state.table() < transfers.size())
        .then();
  }

  private JobState behind(List<String> upTo) {
    return upTo.isEmpty() ? state.at(state.table() + 1, List.of()) : state.at(state.table(), upTo);
  }

  /**
   * Completes when no statement is under way that was located by an earlier topology, also by a
   * router that alone has lost the control server: that one follows the databases of the shards
   * that the keys left. No trigger sees a statement that finds no row.
   *
   * @param left the side of each step that the keys left
   */
  public Mono<Void> settled(Function<Step, ShardId> left) {
    return settledOn(() -> transition().steps().stream().map(left));
  }

  /**
   * The same, and no statement comes later either that was sent before, however long its router
   * stood still in between. No trigger is there then to refuse it.
   *
   * @param left the side of each step that the keys left
   */
  public Mono<Void> left(Function<Step, ShardId> left) {
    return settled(left)
        .thenMany(
            Flux.defer(
                () ->
                    guards.settles() && guards.endsStragglers()
                        ? Flux.fromStream(transition().steps().stream().map(left).distinct())
                        : Flux.empty()))
        .concatMap(
            shard ->
                servers.on(shard, session -> Stragglers.ended(session, behind()).thenReturn(shard)))
        .then();
  }

  /** The time for which nothing was sent by an earlier topology once statements have settled. */
  private Duration behind() {
    Duration acquire = cluster.own().options().timeouts().acquire();
    return acquire.compareTo(SHORTEST) < 0 ? SHORTEST : acquire;
  }

  /** The same, where such a router follows the databases of these shards. */
  public Mono<Void> settledOn(Supplier<Stream<ShardId>> shards) {
    return settledOn(shards, Duration.ZERO);
  }

  private Mono<Void> settledOn(Supplier<Stream<ShardId>> shards, Duration more) {
    Duration lease = cluster.lease();
    Duration followed = lease.plus(lease.dividedBy(4));
    return cluster
        .awaited(now().epoch())
        .thenMany(Flux.fromStream(() -> shards.get().distinct()))
        .concatMap(cluster::noted)
        .then(guards.settles() ? Mono.delay(followed.plus(behind()).plus(more)) : Mono.empty())
        .then();
  }
}
