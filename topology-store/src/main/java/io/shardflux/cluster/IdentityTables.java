package io.shardflux.cluster;

import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The table in each shard's own database that says which cluster and which shard it is, and has the
 * newest topology, from which a router starts while the control server is down. Thread-safe.
 */
final class IdentityTables {

  private static final String CREATE =
      """
      CREATE TABLE IF NOT EXISTS shardflux_identity (
        id TINYINT NOT NULL PRIMARY KEY,
        cluster CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        epoch BIGINT NOT NULL,
        document MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL
      ) ENGINE = InnoDB""";

  private static final String IDENTITY =
      "SELECT cluster, shard, epoch, document FROM shardflux_identity WHERE id = 1";

  private static final int AT_ONCE = 8;

  /**
   * The identity of a shard's database.
   *
   * @param epoch the epoch of the topology that it has; 0 while it has none
   */
  record Identity(UUID cluster, String shard, long epoch, String document) {}

  private final List<ShardId> ids;
  private final Duration bound;
  private final ShardRouter shards;

  /** The databases of some shards, whatever identity they have; connects to nothing. */
  private IdentityTables(List<Shard> shards, Duration bound) {
    this.ids = shards.stream().map(Shard::id).toList();
    this.bound = bound;
    var router =
        ShardRouter.builder()
            .pool(PoolOptions.builder().maxSize(1).build())
            .timeouts(Timeouts.of(bound));
    // Replicas get all of this from their primaries.
    shards.forEach(shard -> router.shard(new Shard(shard.id(), shard.options(), null, List.of())));
    this.shards = router.build();
  }

  /** Does the work with the databases of some shards. */
  static <T> Mono<T> on(
      List<Shard> shards, Duration bound, Function<IdentityTables, Mono<T>> work) {
    // Setting the driver up looks into jar files.
    return Mono.usingWhen(
        Mono.fromCallable(() -> new IdentityTables(shards, bound))
            .subscribeOn(Schedulers.boundedElastic()),
        work,
        IdentityTables::close);
  }

  /** The shards that answer, whatever they say. */
  Mono<List<ShardId>> reached() {
    return Flux.fromIterable(ids)
        .flatMap(
            shard -> of(shard).then(Mono.just(shard)).onErrorResume(error -> Mono.empty()), AT_ONCE)
        .take(bound)
        .collectList();
  }

  /**
   * The newest topology that a shard has; shards that don't answer or have none are left out.
   * Errors if one that answers is another shard's, or of another cluster than the others.
   */
  Mono<Identity> newest() {
    return Flux.fromIterable(ids)
        .flatMap(
            shard ->
                of(shard)
                    .doOnNext(found -> check(shard, found.cluster(), found))
                    .onErrorResume(IdentityTables::silent, e -> Mono.empty()),
            AT_ONCE)
        .filter(identity -> identity.epoch() > 0)
        .reduce(
            (one, other) -> {
              check(ShardId.of(other.shard()), one.cluster(), other);
              return newer(one, other);
            });
  }

  private static Identity newer(Identity one, Identity other) {
    return one.epoch() >= other.epoch() ? one : other;
  }

  /**
   * The newest topology later than an epoch that a shard of that cluster has; empty if there is
   * none. A shard that does not answer, or is another one, is left out.
   */
  Mono<Identity> later(UUID cluster, long epoch) {
    return Flux.fromIterable(ids)
        .flatMap(
            shard ->
                of(shard)
                    .filter(found -> is(shard, cluster, found) && found.epoch() > epoch)
                    .onErrorResume(error -> Mono.empty()),
            // Those that are silent must not use up the time of the others.
            Math.max(1, ids.size()))
        .take(bound)
        .reduce(IdentityTables::newer);
  }

  /** The newest topology of all shards. Errors if one of them does not answer, or has none. */
  Mono<Identity> newestOfAll(UUID cluster) {
    return Flux.fromIterable(ids)
        .flatMap(
            shard ->
                of(shard)
                    .doOnNext(found -> check(shard, cluster, found))
                    .switchIfEmpty(
                        Mono.error(
                            () ->
                                new IllegalStateException(
                                    "shards." + shard + ": no identity (expected: its own)"))),
            AT_ONCE)
        .reduce(IdentityTables::newer);
  }

  /** The newest copies of all jobs. Errors if a shard does not answer. */
  Mono<List<JobCopies.Copy>> copies() {
    return new JobCopies(shards).all().collectList();
  }

  /** Tells whether an error says that a server does not answer. */
  static boolean silent(Throwable error) {
    return error instanceof ShardUnavailableException || error instanceof ShardTimeoutException;
  }

  /** The identity of a shard's database; empty if it has none. */
  private Mono<Identity> of(ShardId shard) {
    return sql(shard, IDENTITY)
        .map((row, metadata) -> identity(row))
        .one()
        .onErrorResume(ControlTables::noTable, error -> Mono.empty());
  }

  private static Identity identity(Row row) {
    return new Identity(
        UUID.fromString(Objects.requireNonNull(row.get(0, String.class))),
        Objects.requireNonNull(row.get(1, String.class)),
        Objects.requireNonNull(row.get(2, Long.class)),
        Objects.requireNonNull(row.get(3, String.class)));
  }

  /**
   * Gives all databases their identity. Those that have one must have this one. Where one is
   * refused, none is changed.
   */
  Mono<Void> claim(UUID cluster) {
    return Mono.defer(
        () -> {
          List<ShardId> claimed = new ArrayList<>();
          return Flux.fromIterable(ids)
              .concatMap(shard -> of(shard).doOnNext(found -> check(shard, cluster, found)))
              .thenMany(Flux.fromIterable(ids))
              .concatMap(shard -> claim(cluster, shard, claimed))
              .then()
              .onErrorResume(
                  error ->
                      Flux.fromIterable(claimed)
                          .concatMap(this::giveUp)
                          .onErrorComplete()
                          .then(Mono.error(error)));
        });
  }

  private Mono<Void> claim(UUID cluster, ShardId shard, List<ShardId> claimed) {
    return sql(shard, CREATE)
        .rowsUpdated()
        .then(
            sql(shard, "INSERT IGNORE INTO shardflux_identity VALUES (1, :cluster, :shard, 0, '')")
                .bind("cluster", cluster.toString())
                .bind("shard", shard.value())
                .rowsUpdated())
        .filter(rows -> rows == 1)
        .doOnNext(rows -> claimed.add(shard))
        .then(of(shard))
        .doOnNext(found -> check(shard, cluster, found))
        .then();
  }

  private Mono<Long> giveUp(ShardId shard) {
    return sql(shard, "DELETE FROM shardflux_identity WHERE epoch = 0").rowsUpdated();
  }

  private static void check(ShardId shard, UUID cluster, Identity found) {
    if (!is(shard, cluster, found)) {
      throw new IllegalStateException(
          "shards."
              + shard
              + ": the database of shard "
              + found.shard()
              + " of cluster "
              + found.cluster()
              + " (expected: its own, of cluster "
              + cluster
              + "; two names must not have one database; compare the URLs, or, where that cluster is"
              + " gone for good, drop its table shardflux_identity)");
    }
  }

  private static boolean is(ShardId shard, UUID cluster, Identity found) {
    return found.cluster().equals(cluster) && found.shard().equals(shard.value());
  }

  /** Gives all databases the newest topology. One that has a later one keeps it. */
  Mono<Void> note(UUID cluster, long epoch, String document) {
    return Flux.fromIterable(ids)
        .flatMap(shard -> note(shards.on(shard).sql(NOTE), cluster, epoch, document), AT_ONCE)
        .then();
  }

  private static final String NOTE =
      "UPDATE shardflux_identity SET epoch = :epoch, document = :document"
          + " WHERE id = 1 AND cluster = :cluster AND epoch < :epoch";

  /** The same as one text for another's connection; a document is of ASCII in one line. */
  static String noteOf(UUID cluster, long epoch, String document) {
    return NOTE.replace(":epoch", Long.toString(epoch))
        .replace(":cluster", "'" + cluster + "'")
        .replace(":document", "'" + document.replace("\\", "\\\\").replace("'", "''") + "'");
  }

  private static Mono<Long> note(
      StatementSpec statement, UUID cluster, long epoch, String document) {
    return statement
        .bind("epoch", epoch)
        .bind("document", document)
        .bind("cluster", cluster.toString())
        .rowsUpdated();
  }

  /**
   * The same by a router's own pools; a shard that fails is left to another router.
   *
   * @return the shards that answered
   */
  static Flux<ShardId> note(ShardRouter router, UUID cluster, long epoch, String document) {
    return Flux.fromIterable(router.topology().shards())
        .flatMap(
            shard ->
                note(router, shard, cluster, epoch, document)
                    .thenReturn(shard)
                    .onErrorResume(error -> Mono.empty()),
            AT_ONCE);
  }

  /** The same for one shard. */
  static Mono<Void> note(
      ShardRouter router, ShardId shard, UUID cluster, long epoch, String document) {
    return note(router.on(shard).sql(NOTE), cluster, epoch, document).then();
  }

  /**
   * The newest topology later than an epoch that a shard of a router has; empty if there is none. A
   * shard that fails is left out.
   *
   * @param answered is set once a shard has answered
   */
  static Mono<Identity> later(
      ShardRouter router, UUID cluster, long epoch, Timeouts bound, AtomicBoolean answered) {
    var shards = router.topology().shards();
    // All at once, as those that are silent must not use up the time of the others.
    return Flux.fromIterable(shards)
        .flatMap(
            shard ->
                router
                    .on(shard)
                    .sql(IDENTITY + " AND cluster = :cluster AND epoch > :epoch")
                    .bind("cluster", cluster.toString())
                    .bind("epoch", epoch)
                    .timeouts(bound)
                    .map((row, metadata) -> identity(row))
                    .one()
                    .doOnSuccess(end -> answered.set(true))
                    .onErrorResume(error -> Mono.empty()),
            shards.size())
        .reduce(IdentityTables::newer);
  }

  private Mono<Void> close() {
    return shards.close();
  }

  private StatementSpec sql(ShardId shard, String text) {
    return shards.on(shard).sql(text);
  }
}
