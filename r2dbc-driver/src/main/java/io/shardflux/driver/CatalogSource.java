package io.shardflux.driver;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Catalog;
import io.shardflux.sql.Catalog.Column;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The tables' columns, read from every shard at the first use, again when they are a minute old,
 * and when a statement names one that isn't known, at most once a second. A column counts where all
 * of its table's shards have it alike; where they don't, a warning says so. Shards that don't
 * answer are left out of the comparison, unless none does.
 */
final class CatalogSource {

  private static final Logger log = LoggerFactory.getLogger(CatalogSource.class);
  private static final Duration AT_MOST_EVERY = Duration.ofSeconds(1);
  private static final Duration AT_LEAST_EVERY = Duration.ofMinutes(1);

  private static final String COLUMNS =
      "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, COLUMN_TYPE AS y, IS_NULLABLE AS n,"
          + " COLLATION_NAME AS l, COLUMN_KEY AS k, EXTRA AS e, VERSION() AS v FROM information_schema.COLUMNS"
          + " WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION";

  /** Apart, as what asks for a variable is no plain read, which may be tried again. */
  private static final String SETTINGS = "SELECT @@sql_mode AS m, @@div_precision_increment AS d";

  /** Modes by which a server reads a text, or computes, in another way than the planner does. */
  private static final Set<String> OTHER_MODES =
      Set.of(
          "ANSI_QUOTES",
          "NO_BACKSLASH_ESCAPES",
          "HIGH_NOT_PRECEDENCE",
          "EMPTY_STRING_IS_NULL",
          "ORACLE");

  private static final int DIVISION_DIGITS = 4;

  /** A table's column on one shard. */
  private record Found(String table, Column column, boolean visible) {}

  /**
   * What a shard says.
   *
   * @param strange what is set otherwise than the planner takes it to be; empty if nothing is
   */
  private record Shown(String strange, List<Found> columns) {}

  /**
   * What was read.
   *
   * @param at when, of {@link System#nanoTime}
   */
  private record Known(Catalog catalog, long at) {}

  private final ShardRouter router;
  private final AtomicReference<@Nullable Mono<Catalog>> reading = new AtomicReference<>();
  private volatile @Nullable Known known;
  private volatile String version = "";

  CatalogSource(ShardRouter router) {
    this.router = router;
  }

  /** What is known, or null before the first use; what is old is read again behind it. */
  @Nullable Catalog now() {
    Known last = known;
    if (last == null) {
      return null;
    }
    if (older(last, AT_LEAST_EVERY) && reading.get() == null) {
      read()
          .subscribe(read -> {}, error -> log.warn("columns not read again: {}", error.toString()));
    }
    return last.catalog();
  }

  /** The servers' version, empty before the first use. */
  String version() {
    return version;
  }

  private static boolean older(Known known, Duration age) {
    return System.nanoTime() - known.at() >= age.toNanos();
  }

  /** What is known, read where nothing is. */
  Mono<Catalog> get() {
    return Mono.defer(
        () -> {
          Catalog now = now();
          return now == null ? read() : Mono.just(now);
        });
  }

  /** What is known, read anew unless that was a moment ago. */
  Mono<Catalog> refreshed() {
    return Mono.defer(
        () -> {
          Known last = known;
          return last == null || older(last, AT_MOST_EVERY) ? read() : Mono.just(last.catalog());
        });
  }

  /** One reads for all who wait. */
  private Mono<Catalog> read() {
    return Mono.defer(
        () -> {
          Mono<Catalog> mine =
              readNow().map(this::keep).doFinally(end -> reading.set(null)).cache();
          Mono<Catalog> others = reading.compareAndExchange(null, mine);
          return others == null ? mine : others;
        });
  }

  /** What the shards say now, which isn't kept. */
  Mono<Catalog> readNow() {
    return Mono.defer(
        () -> {
          Topology topology = router.topology();
          Failures failures = new Failures(Tolerance.PARTIAL, topology.shards().size());
          return Flux.fromIterable(topology.shards())
              .flatMap(
                  shard ->
                      failures
                          .watched(shard, shown(shard).flux())
                          .map(shown -> Map.entry(shard, shown)))
              .collectMap(Map.Entry::getKey, Map.Entry::getValue)
              .doOnNext(found -> found.forEach(CatalogSource::check))
              .map(found -> Catalog.of(agreed(topology, found)));
        });
  }

  private static void check(ShardId shard, Shown shown) {
    if (!shown.strange().isEmpty()) {
      throw new R2dbcNonTransientResourceException(shard + ": " + shown.strange());
    }
  }

  private Mono<Shown> shown(ShardId shard) {
    return router
        .on(shard)
        .sql(SETTINGS)
        .map((row, metadata) -> strange(row))
        .one()
        .zipWhen(strange -> columns(shard).collectList(), Shown::new);
  }

  private Flux<Found> columns(ShardId shard) {
    return router.on(shard).sql(COLUMNS).map((row, metadata) -> found(row)).all();
  }

  private static String strange(Row row) {
    String modes = "," + text(row, "m") + ",";
    for (String each : OTHER_MODES) {
      if (modes.contains("," + each + ",")) {
        return "sql_mode: " + each + " (expected: none of " + OTHER_MODES + ")";
      }
    }
    int digits = Objects.requireNonNullElse(row.get("d", Integer.class), 0);
    return digits == DIVISION_DIGITS
        ? ""
        : "div_precision_increment: " + digits + " (expected: " + DIVISION_DIGITS + ")";
  }

  private Found found(Row row) {
    version = text(row, "v");
    String extra = text(row, "e").toLowerCase(Locale.ROOT);
    Column column =
        new Column(
            text(row, "c"),
            text(row, "y"),
            text(row, "n").equals("YES"),
            row.get("l", String.class),
            text(row, "k").equals("PRI"),
            filling(extra));
    return new Found(text(row, "t"), column, !extra.contains("invisible"));
  }

  private static Catalog.Filling filling(String extra) {
    if (extra.contains("auto_increment")) {
      return Catalog.Filling.NUMBERED;
    }
    // MySQL's DEFAULT_GENERATED is a default that is an expression.
    boolean computed =
        extra.contains("on update")
            || extra.contains("virtual generated")
            || extra.contains("stored generated");
    return computed ? Catalog.Filling.COMPUTED : Catalog.Filling.GIVEN;
  }

  private static String text(Row row, String name) {
    return Objects.requireNonNullElse(row.get(name, String.class), "");
  }

  /** The same instance where nothing changed, so that what was prepared with it goes on. */
  private Catalog keep(Catalog read) {
    Known before = known;
    Catalog now =
        before != null && before.catalog().tables().equals(read.tables()) ? before.catalog() : read;
    known = new Known(now, System.nanoTime());
    return now;
  }

  private static Map<String, List<Column>> agreed(Topology topology, Map<ShardId, Shown> found) {
    Map<String, Map<ShardId, List<Column>>> tables = new LinkedHashMap<>();
    found.forEach(
        (shard, shown) ->
            // What a star doesn't mean is not known here at all.
            shown.columns().stream()
                .filter(Found::visible)
                .forEach(
                    column ->
                        tables
                            .computeIfAbsent(column.table(), table -> new LinkedHashMap<>())
                            .computeIfAbsent(shard, any -> new ArrayList<>())
                            .add(column.column())));
    Map<String, List<Column>> agreed = new LinkedHashMap<>();
    tables.forEach((table, byShard) -> agreed.put(table, common(topology, table, byShard)));
    return agreed;
  }

  private static List<Column> common(
      Topology topology, String table, Map<ShardId, List<Column>> byShard) {
    TableRule rule = topology.tables().get(table);
    if (rule instanceof TableRule.Pinned pinned && byShard.containsKey(pinned.shard())) {
      return byShard.get(pinned.shard());
    }
    List<Column> common = new ArrayList<>(byShard.values().iterator().next());
    byShard.forEach(
        (shard, columns) -> {
          if (!columns.equals(common)) {
            if (rule != null) {
              log.atWarn()
                  .addKeyValue("shard", shard)
                  .addKeyValue("table", table)
                  .log("{} has other columns on {} than elsewhere", table, shard);
            }
            common.retainAll(columns);
          }
        });
    return common;
  }
}
