package io.shardflux.cluster;

import io.shardflux.cluster.ControlTables.Draft;
import io.shardflux.cluster.ControlTables.Head;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.cluster.PublishedTopology.Origin;
import io.shardflux.r2dbc.config.ControlOptions;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Decides what a router starts with. A document that was once published starts from the topology in
 * force, whatever was made of it since. One that never was is refused, or published where the
 * document says so and takes back nothing that operations and moves have made. While the control
 * server is down, the newest topology that the shards have is taken.
 */
final class ClusterStart {

  private static final String NEVER_PUBLISHED =
      "a document that was never published (expected: one that was, or control.publish: true, which"
          + " publishes it for all routers)";

  private static final String TAKES_BACK =
      "a document that takes back what operations or moves have made, so that rows would be out of"
          + " reach (expected: one that has all of the topology in force, which history(1) gives,"
          + " and only adds to it)";

  private final ControlOptions control;
  private final ControlTables tables;
  private final RouterParts own;
  private final Member member;
  private final TopologyDocument document;

  /**
   * Asks no server yet.
   *
   * @param own what the router's own document says
   * @throws IllegalArgumentException if that can't be published, as {@link TopologyDocument#of}
   */
  ClusterStart(ControlOptions control, ControlTables tables, RouterParts own, Member member) {
    this.control = control;
    this.tables = tables;
    this.own = own;
    this.member = member;
    this.document = TopologyDocument.of(own);
  }

  /** The topology that a router starts with, and its cluster. */
  record Start(UUID cluster, TopologyDocument.Opened opened) {}

  Mono<Start> start() {
    Mono<Void> created = control.createsTables() ? tables.create() : Mono.empty();
    return created
        .then(Mono.defer(this::fromControl))
        .onErrorResume(IdentityTables::silent, this::fromShards);
  }

  private Mono<Start> fromControl() {
    return tables.head().flatMap(this::fromControl);
  }

  private Mono<Start> fromControl(Head head) {
    if (head.epoch() == 0) {
      return unlessBehind(head, Mono.defer(() -> published(head, document, "the first topology")));
    }
    return tables
        .published(document.routing())
        .flatMap(
            known ->
                known
                    ? tables.topology(head.epoch()).flatMap(now -> opened(head.cluster(), now))
                    : unlessBehind(
                        head, Mono.defer(() -> control.publish() ? replacing(head) : refused())));
  }

  /**
   * Starts from the shards where these know more than the control server, which is an older copy
   * then and may have forgotten the document. Nothing may be published over it from here.
   */
  private Mono<Start> unlessBehind(Head head, Mono<Start> otherwise) {
    return IdentityTables.on(
            own.shards(),
            own.options().timeouts().total(),
            shards -> shards.later(head.cluster(), head.epoch()))
        .flatMap(found -> opened(found.cluster(), found.epoch(), found.document()))
        .switchIfEmpty(otherwise);
  }

  /** Publishes the document, unless that would take back what operations and moves have made. */
  private Mono<Start> replacing(Head head) {
    return tables
        .topology(head.epoch())
        .flatMap(
            now ->
                parsed(now)
                    .flatMap(
                        inForce -> {
                          TopologyDocument copied = document.withCopiesOf(inForce);
                          return (copied.keeps(inForce)
                                  ? Mono.just(true)
                                  : tables.published(inForce.routing()))
                              .filter(may -> may)
                              .map(may -> copied);
                        })
                    .flatMap(copied -> published(head, copied, "control.publish: true"))
                    .switchIfEmpty(Mono.defer(() -> refused(now, TAKES_BACK))));
  }

  private Mono<Start> opened(UUID cluster, PublishedTopology now) {
    return opened(cluster, now.epoch(), now.document());
  }

  private Mono<Start> opened(UUID cluster, long epoch, String json) {
    return Mono.fromCallable(
            () -> new Start(cluster, TopologyDocument.parse(json).open(epoch, own, null)))
        .subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * Publishes the document.
   *
   * @param copied the same with the copies of reference tables that there are, which is put in
   *     force
   */
  private Mono<Start> published(Head head, TopologyDocument copied, String why) {
    List<Draft> drafts = new ArrayList<>();
    drafts.add(draft(document, Origin.DOCUMENT, why));
    if (!copied.sameRouting(document)) {
      drafts.add(draft(copied, Origin.OPERATION, "a document makes no copy of a table"));
    }
    return IdentityTables.on(
        own.shards(),
        own.options().timeouts().total(),
        shards ->
            shards
                .claim(head.cluster())
                .then(
                    tables.publish(
                        head.epoch(), head.epoch() + 1, drafts, connection -> Mono.empty()))
                .flatMap(
                    epoch ->
                        shards
                            .note(head.cluster(), epoch, copied.json())
                            // A start reads the control server, and other routers note it too.
                            .onErrorResume(IdentityTables::silent, error -> Mono.empty())
                            .then(opened(head.cluster(), epoch, copied.json())))
                // Another router was quicker.
                .switchIfEmpty(Mono.defer(this::fromControl)));
  }

  private Draft draft(TopologyDocument made, Origin origin, String why) {
    return new Draft(made.json(), made.routing(), origin, member.toString(), why);
  }

  private Mono<Start> refused() {
    return tables.newestDocument().flatMap(newest -> refused(newest, NEVER_PUBLISHED));
  }

  private Mono<Start> refused(PublishedTopology against, String why) {
    return parsed(against)
        .flatMap(
            published ->
                Mono.error(
                    new IllegalStateException(
                        "control: "
                            + why
                            + "; against epoch "
                            + against.epoch()
                            + ", "
                            + String.join("; ", document.differences(published)))));
  }

  /** Reads a document away from event loops, because it may be long. */
  private static Mono<TopologyDocument> parsed(PublishedTopology published) {
    return Mono.fromCallable(() -> TopologyDocument.parse(published.document()))
        .subscribeOn(Schedulers.boundedElastic());
  }

  private Mono<Start> fromShards(Throwable silence) {
    return IdentityTables.on(own.shards(), own.options().timeouts().total(), IdentityTables::newest)
        .switchIfEmpty(Mono.error(silence))
        .flatMap(newest -> opened(newest.cluster(), newest.epoch(), newest.document()));
  }
}
