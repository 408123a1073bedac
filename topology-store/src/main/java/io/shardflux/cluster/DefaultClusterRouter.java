package io.shardflux.cluster;

import io.shardflux.cluster.ControlTables.Draft;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.cluster.PublishedTopology.Origin;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.ControlOptions;
import io.shardflux.r2dbc.config.ReshardingOptions;
import io.shardflux.r2dbc.config.RouterDefinition;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** A router over the control tables. */
final class DefaultClusterRouter implements ClusterRouter, ClusterAccess {

  private static final Duration CONFIRM_GAP = Duration.ofMillis(20);
  private static final Duration REACH_GAP = Duration.ofMillis(100);
  private static final Duration SWITCH_BOUND = Duration.ofSeconds(30);
  private static final int CONFIRM_LEASES = 5;

  private static final int EVENTS_HELD = 256;
  private static final int MOST_HISTORY = 1_000;

  private final ControlTables tables;
  private final RouterParts own;
  private final Member member;
  private final TopologyWatch watch;
  private final ControlOptions control;
  private final ReshardingOptions resharding;
  private final boolean givesIds;
  private final Jobs jobs;
  private final JobCopies copies;
  private final OwnerPublication publication;

  private DefaultClusterRouter(
      ControlTables tables,
      RouterParts own,
      Member member,
      TopologyWatch watch,
      ControlOptions control,
      RouterDefinition definition) {
    this.control = control;
    this.resharding = definition.resharding();
    this.givesIds = definition.ids() != null;
    this.jobs = new Jobs(tables, member);
    this.tables = tables;
    this.own = own;
    this.member = member;
    this.watch = watch;
    this.copies = new JobCopies(watch.router());
    this.publication = new OwnerPublication(tables, watch, own, member);
  }

  static Mono<ClusterRouter> open(
      RouterDefinition definition, UnaryOperator<ShardRouterBuilder> more) {
    ControlOptions control = definition.control();
    if (control == null) {
      throw new IllegalArgumentException(
          "control: missing (expected: the server of the topology that is shared; a router without"
              + " it is opened by ShardRouter)");
    }
    ShardRouterBuilder builder = more.apply(ShardRouterBuilder.of(definition));
    // Random bytes, documents and the driver's set-up may wait for files.
    return Mono.fromCallable(() -> new Member(UUID.randomUUID(), host(), version()))
        .subscribeOn(Schedulers.boundedElastic())
        .flatMap(member -> open(definition, control, builder, member));
  }

  private static Mono<ClusterRouter> open(
      RouterDefinition definition,
      ControlOptions control,
      ShardRouterBuilder builder,
      Member member) {
    RouterParts own = builder.parts();
    // A look must be over before the lease is, or it confirms nothing.
    ControlTables tables = new ControlTables(control.server(), control.lease().dividedBy(2));
    AtomicReference<@Nullable TopologyWatch> begun = new AtomicReference<>();
    Mono<ClusterRouter> opening =
        Mono.fromCallable(() -> new ClusterStart(control, tables, own, member))
            .flatMap(ClusterStart::start)
            // The router's own pools are set up there, too.
            .publishOn(Schedulers.boundedElastic())
            .flatMap(
                start -> {
                  TopologyWatch watch = new TopologyWatch(control, tables, builder, member, start);
                  begun.set(watch);
                  return watch
                      .begin()
                      .thenReturn(
                          new DefaultClusterRouter(
                              tables, own, member, watch, control, definition));
                });
    Mono<Void> closed = Mono.defer(() -> closed(definition, tables, begun.get()));
    return Mono.usingWhen(
        Mono.just(tables), used -> opening, used -> Mono.empty(), (used, e) -> closed, u -> closed);
  }

  /** Closes all that an opening has made which failed, or was given up. */
  private static Mono<Void> closed(
      RouterDefinition definition, ControlTables tables, @Nullable TopologyWatch watch) {
    Mono<Void> router = watch == null ? Mono.empty() : watch.close().then(watch.router().close());
    return Flux.concatDelayError(
            router,
            Flux.fromIterable(definition.directories()).flatMap(TableDirectory::close),
            tables.close())
        .onErrorComplete()
        .then();
  }

  private static String host() {
    String name = Optional.ofNullable(System.getenv("HOSTNAME")).orElse("localhost");
    return name + ", process " + ProcessHandle.current().pid();
  }

  private static String version() {
    return Optional.ofNullable(ClusterRouter.class.getPackage().getImplementationVersion())
        .orElse("development");
  }

  TopologyWatch watch() {
    return watch;
  }

  @Override
  public ShardRouter router() {
    return watch.router();
  }

  @Override
  public Mono<ClusterState> state() {
    return Mono.zip(tables.head(), tables.routers().collectList(), tables.orders().collectList())
        .map(
            all ->
                new ClusterState(
                    cluster(), control.cluster(), all.getT1().epoch(), all.getT2(), all.getT3()));
  }

  @Override
  public Flux<PublishedTopology> history(int most) {
    if (most < 1 || most > MOST_HISTORY) {
      throw new IllegalArgumentException(
          "most: " + most + " (expected: 1 to " + MOST_HISTORY + ")");
    }
    return tables.history(most);
  }

  @Override
  public Mono<Long> addShard(Shard shard, String why) {
    return published(
        why,
        now -> now.withEmptyShard(shard.id()),
        shards -> {
          List<Shard> more = new ArrayList<>(shards);
          more.add(shard);
          return more;
        },
        claimed(shard));
  }

  @Override
  public Mono<Long> removeShard(ShardId shard, String why) {
    return published(
        why,
        now -> now.withoutShard(shard),
        shards -> shards.stream().filter(each -> !each.id().equals(shard)).toList(),
        Mono.defer(() -> TopologyAccess.of(router()).needless(shard)));
  }

  /**
   * Publishes what is made of the newest topology, anew where another router publishes meanwhile.
   *
   * @param before completes if it may be published, behind all else that may refuse it
   */
  private Mono<Long> published(
      String why,
      UnaryOperator<Topology> topology,
      UnaryOperator<List<Shard>> shards,
      Mono<Void> before) {
    return settled()
        .flatMap(
            now ->
                drafted(why, now, topology, shards)
                    .flatMap(
                        draft ->
                            before
                                // The draft was made of this epoch; another may be in force by now.
                                .then(tables.publish(now.topology().epoch(), draft, null))))
        .flatMap(epoch -> watch.seen(epoch).thenReturn(epoch))
        .switchIfEmpty(Mono.defer(() -> published(why, topology, shards, before)));
  }

  /**
   * The topology in force, once it is one in which no keys are switched: the epoch behind such a
   * one is that switch's own.
   */
  private Mono<TopologyDocument.Opened> settled() {
    return Mono.defer(watch::look)
        .then(Mono.fromCallable(watch::opened))
        .filter(now -> !OwnerPublication.isSwitching(now.topology()))
        .repeatWhenEmpty(tries -> tries.delayElements(REACH_GAP))
        .timeout(
            SWITCH_BOUND,
            Mono.error(
                () ->
                    new IllegalStateException(
                        "topology: keys are being switched for "
                            + SWITCH_BOUND.toSeconds()
                            + " s (expected: the end of that; look at the move)")));
  }

  @Override
  public Mono<Long> republish(String why, Set<ShardId> givenUp) {
    return new Republication(tables, watch, own, member, Set.copyOf(givenUp)).done(why);
  }

  @Override
  public TopologyDocument.Opened opened() {
    return watch.opened();
  }

  @Override
  public RouterParts own() {
    return own;
  }

  @Override
  public ReshardingOptions resharding() {
    return resharding;
  }

  @Override
  public boolean givesIds() {
    return givesIds;
  }

  @Override
  public Duration lease() {
    return control.lease();
  }

  @Override
  public Mono<Void> look() {
    return watch.look();
  }

  @Override
  public Jobs jobs() {
    return jobs;
  }

  @Override
  public JobCopies copies() {
    return copies;
  }

  @Override
  public Mono<Long> publish(Jobs.Owned owner, UnaryOperator<Topology> change, String why) {
    return ahead(change).flatMap(ahead -> publish(owner, ahead, why));
  }

  @Override
  public Mono<Ahead> ahead(UnaryOperator<Topology> change) {
    return publication.ahead(change);
  }

  @Override
  public Mono<Ahead> ahead(String document) {
    return publication.ahead(document);
  }

  @Override
  public Mono<Long> publish(Jobs.Owned owner, Ahead ahead, String why) {
    return publication.publish(owner, ahead, why);
  }

  @Override
  public Mono<Void> forward(Jobs.Owned owner) {
    return publication.forward(owner);
  }

  @Override
  public Mono<Void> noted(ShardId shard) {
    return Mono.defer(
        () -> {
          TopologyDocument.Opened now = watch.opened();
          return IdentityTables.note(
              router(), shard, cluster(), now.topology().epoch(), now.document().json());
        });
  }

  @Override
  public Mono<Void> attentive() {
    Duration heard = TopologyWatch.RENEWAL.plusSeconds(1);
    return tables
        .silent(heard)
        .filter(silent -> silent == 0)
        .repeatWhenEmpty(tries -> tries.delayElements(CONFIRM_GAP))
        .timeout(patience(), Mono.error(() -> silent(heard)))
        .then();
  }

  @Override
  public Mono<List<String>> unreached(Set<ShardId> shards, Duration bound) {
    return Mono.defer(
        () -> {
          long end = System.nanoTime() + bound.toNanos();
          return unreached(shards)
              .filter(some -> some.isEmpty() || System.nanoTime() - end >= 0)
              .repeatWhenEmpty(tries -> tries.delayElements(REACH_GAP));
        });
  }

  private Mono<List<String>> unreached(Set<ShardId> shards) {
    return tables
        .routers()
        .filter(RouterState::live)
        .concatMapIterable(
            router ->
                router.epoch() < epoch()
                    ? List.of(router.host() + " routes by epoch " + router.epoch())
                    : shards.stream()
                        .filter(shard -> !StatisticsText.reached(router.statistics(), shard))
                        .map(shard -> router.host() + " has not reached " + shard)
                        .toList())
        .collectList();
  }

  @Override
  public Mono<Set<Long>> strangers(String server, Set<Long> ids) {
    Duration bound = control.lease().plus(TopologyWatch.RENEWAL).multipliedBy(2);
    return new Strangers(tables, server).of(ids, bound);
  }

  private static IllegalStateException silent(Duration heard) {
    return new IllegalStateException(
        "router: one that lives was not heard of for "
            + heard.toSeconds()
            + " s (expected: heard of each "
            + TopologyWatch.RENEWAL.toSeconds()
            + " s, or gone once its lease is over; see ClusterRouter.state())");
  }

  /** A router that ended is waited for until its lease is over, and one that lives for longer. */
  private Duration patience() {
    return control.lease().multipliedBy(CONFIRM_LEASES).plusSeconds(5);
  }

  @Override
  public Mono<Void> awaited(long epoch) {
    return awaited(epoch, patience());
  }

  @Override
  public Mono<Void> awaited(long epoch, Duration bound) {
    return Mono.defer(
            () -> {
              long begun = System.nanoTime();
              return tables
                  .routers()
                  .filter(router -> router.live() && router.epoch() < epoch)
                  .count()
                  .filter(late -> late == 0)
                  .repeatWhenEmpty(tries -> tries.delayElements(CONFIRM_GAP))
                  .timeout(bound, Mono.error(() -> late(epoch, begun)));
            })
        .then();
  }

  private static IllegalStateException late(long epoch, long begun) {
    return new IllegalStateException(
        "epoch "
            + epoch
            + ": not in force in all routers after "
            + Duration.ofNanos(System.nanoTime() - begun).toMillis()
            + " ms (expected: all that live follow within their lease; see ClusterRouter.state())");
  }

  private UUID cluster() {
    return UUID.fromString(watch.cluster());
  }

  private long epoch() {
    return watch.opened().topology().epoch();
  }

  private Mono<Draft> drafted(
      String why,
      TopologyDocument.Opened now,
      UnaryOperator<Topology> topology,
      UnaryOperator<List<Shard>> shards) {
    return Mono.fromCallable(
            () -> {
              TopologyDocument made =
                  now.document()
                      .next(
                          topology.apply(now.topology()),
                          shards.apply(now.shards()),
                          own.accounts());
              return new Draft(
                  made.json(), made.routing(), Origin.OPERATION, member.toString(), why);
            })
        .subscribeOn(Schedulers.boundedElastic());
  }

  private Mono<Void> claimed(Shard added) {
    return Mono.defer(
        () ->
            IdentityTables.on(
                List.of(added),
                own.options().timeouts().total(),
                shards -> shards.claim(cluster())));
  }

  @Override
  public Mono<Void> drain(ShardId shard, String why) {
    return ordered(shard, ShardOrder.Kind.DRAIN, why);
  }

  @Override
  public Mono<Void> takeOut(ShardId shard, String why) {
    return ordered(shard, ShardOrder.Kind.OPEN, why);
  }

  @Override
  public Mono<Set<ShardId>> takenOut() {
    return tables
        .orders()
        .filter(order -> order.kind() == ShardOrder.Kind.OPEN)
        .map(ShardOrder::shard)
        .collect(Collectors.toSet());
  }

  private Mono<Void> ordered(ShardId shard, ShardOrder.Kind kind, String why) {
    return Mono.defer(
        () -> {
          if (!router().topology().shards().contains(shard)) {
            throw new IllegalArgumentException(
                "shard: " + shard + " (expected: one of " + router().topology().shards() + ")");
          }
          return tables.order(shard, kind, member, why).then(watch.look());
        });
  }

  @Override
  public Mono<Void> resume(ShardId shard) {
    return tables.takeBack(shard).then(Mono.defer(watch::look));
  }

  @Override
  public Flux<ClusterEvent> events() {
    return watch
        .events()
        .onBackpressureBuffer(EVENTS_HELD, lost -> {}, BufferOverflowStrategy.DROP_OLDEST)
        .publishOn(Schedulers.parallel());
  }

  @Override
  public Mono<Void> close() {
    return Flux.concat(watch.close(), router().close(), tables.close()).then();
  }
}
