package io.shardflux.driver.catalog;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.driver.failure.FailedShards;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import io.shardflux.sql.schema.Catalog;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The tables' columns, as every shard tells them. They are read at the first use, again when they
 * are a minute old, and when a statement does not fit them. A shard that doesn't answer is left
 * out; if none answers, the reading fails. A shard that is slower than the others is not waited
 * for. Thread-safe.
 */
@Internal
public final class CatalogSource {

  private static final Logger log = LoggerFactory.getLogger(CatalogSource.class);
  private static final Duration AT_LEAST_EVERY = Duration.ofMinutes(1);

  /** The age at which columns are read again while shards are missing. */
  private static final Duration AT_LEAST_EVERY_IN_PART = Duration.ofSeconds(1);

  /** The shortest time from one look at a shard to the next, however many statements do not fit. */
  private static final Duration PAUSE = Duration.ofMillis(50);

  /** The time that the other shards are waited for once one has answered. */
  private static final Duration GRACE = Duration.ofMillis(250);

  /**
   * The columns that were read.
   *
   * @param shards the columns of each shard
   * @param hidden the names in lower case that the catalog lacks of a table's columns, where it
   *     lacks any
   * @param at the time of the reading, of {@link System#nanoTime}
   * @param whole whether all shards are there
   */
  private record Known(
      Catalog catalog,
      Map<ShardId, ShardColumns> shards,
      Map<String, Set<String>> hidden,
      long at,
      boolean whole) {}

  private final ShardRouter router;
  private final Map<ShardId, SharedRead<ShardColumns>> looks = new ConcurrentHashMap<>();
  private final SharedRead<Catalog> behind;
  private volatile @Nullable Known known;

  public CatalogSource(ShardRouter router) {
    this.router = router;
    this.behind = new SharedRead<>(AT_LEAST_EVERY_IN_PART);
  }

  /**
   * The known columns, or null before the first use. Columns that are too old are read again in the
   * background.
   */
  @Nullable
  public Catalog now() {
    Known last = known;
    if (last == null) {
      return null;
    }
    Duration bound = last.whole() ? AT_LEAST_EVERY : AT_LEAST_EVERY_IN_PART;
    if (System.nanoTime() - last.at() >= bound.toNanos()) {
      // Callers that come meanwhile must find nothing to do.
      known =
          new Known(last.catalog(), last.shards(), last.hidden(), System.nanoTime(), last.whole());
      behind
          .current(() -> read(true))
          .subscribe(read -> {}, error -> log.warn("columns not read again: {}", error.toString()));
    }
    return last.catalog();
  }

  /** The known columns, which are read first if none are known. */
  public Mono<Catalog> get() {
    return Mono.defer(
        () -> {
          Catalog now = now();
          return now == null ? refreshed() : Mono.just(now);
        });
  }

  /**
   * The columns as the shards tell them from now on. Of a shard that doesn't answer soon, they are
   * those that it told last.
   */
  public Mono<Catalog> refreshed() {
    return read(false);
  }

  /** The same, but if shards are missing in what is known, all shards are waited for. */
  public Mono<Catalog> completed() {
    return Mono.defer(
        () -> {
          Known last = known;
          return read(last != null && !last.whole());
        });
  }

  /** The columns of each shard as it tells them now, to look at. They are known from then on. */
  public Mono<Map<ShardId, ShardColumns>> shards() {
    return read(true).map(catalog -> shown());
  }

  private Map<ShardId, ShardColumns> shown() {
    Known last = known;
    return last == null ? Map.of() : last.shards();
  }

  /** The servers' version, empty before the first use. */
  public String version() {
    return shown().values().stream().map(ShardColumns::version).findFirst().orElse("");
  }

  /** Tells whether all servers are known to have {@code JSON_TABLE}. */
  public boolean readJson() {
    Collection<ShardColumns> all = shown().values();
    return !all.isEmpty()
        && all.stream().allMatch(shard -> ServerVersion.readsJson(shard.version()));
  }

  /** Tells whether these tables' columns are known to be what they were then. */
  boolean isStill(Catalog then, Collection<String> tables) {
    Known last = known;
    return last != null && last.catalog().isLike(then, tables);
  }

  /**
   * The columns of a table that a star does not mean, and those that its shards don't have alike:
   * their names in lower case.
   */
  public Set<String> hidden(String table) {
    Known last = known;
    return last == null ? Set.of() : last.hidden().getOrDefault(table, Set.of());
  }

  /** Tells whether all servers refuse a value that does not fit its column. */
  boolean strict() {
    return shown().values().stream().allMatch(ShardColumns::strict);
  }

  /** The columns that a table is known to have on a shard; none if it is not there. */
  List<Catalog.Column> columns(ShardId shard, String table) {
    Known last = known;
    if (last == null) {
      return List.of();
    }
    ShardColumns own = last.shards().get(shard);
    return (own == null ? last.catalog().tables() : own.tables()).getOrDefault(table, List.of());
  }

  private Mono<Catalog> read(boolean all) {
    return Mono.defer(
        () -> {
          Topology topology = router.topology();
          Map<ShardId, Flux<Map.Entry<ShardId, ShardColumns>>> looks = new LinkedHashMap<>();
          topology
              .shards()
              .forEach(
                  shard -> looks.put(shard, look(shard).map(shown -> Map.entry(shard, shown))));
          Flux<Map.Entry<ShardId, ShardColumns>> found =
              new FailedShards()
                  .rows(ShardScatter.of(looks).signals())
                  .doOnNext(entry -> check(entry.getKey(), entry.getValue()));
          return (all ? found : soon(found))
              .collectMap(Map.Entry::getKey, Map.Entry::getValue)
              .map(read -> keep(topology, read));
        });
  }

  /** The answers that come not much later than the first. */
  private static <T> Flux<T> soon(Flux<T> found) {
    return found.publish(
        each -> each.takeUntilOther(each.take(1).delayElements(GRACE)), Integer.MAX_VALUE);
  }

  private Flux<ShardColumns> look(ShardId shard) {
    return looks
        .computeIfAbsent(shard, any -> new SharedRead<>(PAUSE))
        .fresh(() -> ShardColumns.read(router.on(shard)::sql))
        .flux();
  }

  private static void check(ShardId shard, ShardColumns shown) {
    if (!shown.strange().isEmpty()) {
      throw new R2dbcNonTransientResourceException(shard + ": " + shown.strange());
    }
  }

  /**
   * Gives the same instance where nothing changed, so that statements prepared with it stay valid.
   */
  private synchronized Catalog keep(Topology topology, Map<ShardId, ShardColumns> read) {
    Known before = known;
    Map<ShardId, ShardColumns> shards = new HashMap<>();
    for (ShardId shard : topology.shards()) {
      ShardColumns now = read.get(shard);
      ShardColumns last = before == null ? null : before.shards().get(shard);
      ShardColumns newer = now == null || (last != null && last.at() - now.at() > 0) ? last : now;
      if (newer != null) {
        shards.put(shard, newer);
      }
    }
    Catalog catalog = AgreedColumns.of(topology, shards);
    if (before != null && before.catalog().isLike(catalog)) {
      catalog = before.catalog();
    } else {
      AgreedColumns.warn(topology, shards, catalog);
    }
    boolean whole = read.keySet().containsAll(topology.shards());
    Map<String, Set<String>> hidden = hidden(shards.values(), catalog);
    known = new Known(catalog, Map.copyOf(shards), hidden, System.nanoTime(), whole);
    return catalog;
  }

  private static Map<String, Set<String>> hidden(Collection<ShardColumns> shards, Catalog catalog) {
    Map<String, Set<String>> hidden = new HashMap<>();
    for (ShardColumns shard : shards) {
      shard
          .invisible()
          .forEach(
              (table, names) ->
                  hidden.computeIfAbsent(table, any -> new HashSet<>()).addAll(names));
      shard
          .tables()
          .forEach(
              (table, columns) -> {
                List<Catalog.Column> agreed = catalog.tables().getOrDefault(table, List.of());
                if (!columns.equals(agreed)) {
                  Set<String> names = names(columns);
                  names.removeAll(names(agreed));
                  hidden.computeIfAbsent(table, any -> new HashSet<>()).addAll(names);
                }
              });
    }
    return hidden;
  }

  private static Set<String> names(List<Catalog.Column> columns) {
    return columns.stream()
        .map(column -> column.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.toCollection(HashSet::new));
  }
}
