package io.shardflux.driver.catalog;

import io.r2dbc.spi.ColumnMetadata;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.schema.Catalog;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Shows whether tables still are as the catalog has them. The first way is {@code
 * information_schema}, which no lock on a table keeps waiting. The second way is a row of NULLs
 * that has all columns of the table; the server tells their names and types with it. Such a row is
 * as cheap as a read of one row, and makes a transaction keep the table as it is. Its columns are
 * compared with what such a row told when the columns were read. Thread-safe.
 */
@Internal
public final class TableWatch {

  /** The way to look at a table. */
  public enum Way {
    LISTED,
    TOLD_BY_A_ROW
  }

  /** ER_BAD_FIELD_ERROR and ER_NO_SUCH_TABLE. */
  private static final Set<Integer> GONE = Set.of(1054, 1146);

  private static final String COLLATION = "shardflux_collation_";

  /**
   * Divides the age that a look may have: after that part of it, the table is looked at again
   * behind a statement.
   */
  private static final int AHEAD = 2;

  private final ShardRouter router;
  private final CatalogSource catalogs;
  private final Map<Place, Watched> watched = new ConcurrentHashMap<>();

  public TableWatch(ShardRouter router, CatalogSource catalogs) {
    this.router = router;
    this.catalogs = catalogs;
  }

  private record Place(ShardId shard, String table) {}

  /**
   * The columns that a table was shown to have, and the time of that, of {@link System#nanoTime}.
   */
  private record Shown(List<Catalog.Column> columns, long at) {}

  /** The columns of a table, and what a row told of it then. */
  private record Told(List<Catalog.Column> columns, String shape) {}

  /**
   * Completes if the tables that were shown are still those of this catalog; otherwise fails as
   * {@link #shown} does. The tables may have been read anew since a statement was planned by the
   * catalog.
   */
  public Mono<Void> still(Catalog planned, ShardId shard, Collection<String> tables) {
    return Mono.defer(
        () ->
            isStill(planned, tables)
                ? Mono.empty()
                : Mono.error(new OutdatedColumnsException(shard, "columns were read anew")));
  }

  public boolean isStill(Catalog planned, Collection<String> tables) {
    return catalogs.isStill(planned, tables);
  }

  /**
   * Tells whether all servers refuse a value that does not fit its column, and do not make it fit.
   */
  public boolean strict() {
    return catalogs.strict();
  }

  /** Makes every table be looked at again before a statement relies on it. */
  public void forget() {
    watched.values().forEach(each -> each.last = null);
  }

  /** Tells whether the tables were shown to be as they are known, at most {@code within} ago. */
  public boolean isShown(ShardId shard, Collection<String> tables, Duration within) {
    return tables.stream().allMatch(table -> of(shard, table).isShown(within));
  }

  /**
   * Completes if the tables are as they are known to be; fails with an {@link
   * OutdatedColumnsException} if one is not. Callers that ask at once share a look.
   *
   * @param within the age that the proof may have; zero for a look that begins after the
   *     subscription
   * @param statements makes a statement for the shard
   */
  public Mono<Void> shown(
      ShardId shard,
      Collection<String> tables,
      Duration within,
      Way way,
      Function<String, StatementSpec> statements) {
    return Flux.fromIterable(tables)
        .concatMap(table -> of(shard, table).shown(within, way, statements))
        .then();
  }

  /** The same for a caller that asks alone, such as in a transaction. */
  public Mono<Void> shownBy(
      ShardId shard,
      Collection<String> tables,
      Way way,
      Function<String, StatementSpec> statements) {
    return Flux.fromIterable(tables)
        .concatMap(table -> of(shard, table).shownBy(way, statements))
        .then();
  }

  private Watched of(ShardId shard, String table) {
    Place place = new Place(shard, table);
    Watched known = watched.get(place);
    return known == null ? watched.computeIfAbsent(place, Watched::new) : known;
  }

  /** One table on one shard. */
  private final class Watched {

    private final Place place;
    private final SharedRead<Boolean> listed = new SharedRead<>(Duration.ZERO);
    private final SharedRead<Boolean> row = new SharedRead<>(Duration.ZERO);
    private volatile @Nullable Told told;
    private volatile @Nullable Shown last;

    Watched(Place place) {
      this.place = place;
    }

    private List<Catalog.Column> columns() {
      return catalogs.columns(place.shard(), place.table());
    }

    /**
     * Tells whether the table was shown at most {@code within} ago. If the proof will soon be too
     * old, the table is looked at again in the background.
     */
    boolean isShown(Duration within) {
      Shown shown = last;
      if (shown == null || within.isZero() || !shown.columns().equals(columns())) {
        return false;
      }
      long age = System.nanoTime() - shown.at();
      if (age > within.toNanos() / AHEAD && age <= within.toNanos()) {
        // Where this fails, a later statement looks again and is told.
        listed
            .current(() -> look(Way.LISTED, router.on(place.shard())::sql))
            .subscribe(done -> {}, error -> {});
      }
      return age <= within.toNanos();
    }

    Mono<Void> shown(Duration within, Way way, Function<String, StatementSpec> statements) {
      SharedRead<Boolean> shared = way == Way.LISTED ? listed : row;
      Supplier<Mono<Boolean>> look = () -> look(way, statements);
      return Mono.defer(
          () ->
              isShown(within)
                  ? Mono.empty()
                  : (within.isZero() ? shared.fresh(look) : shared.current(look)).then());
    }

    private Mono<Boolean> look(Way way, Function<String, StatementSpec> statements) {
      return shownBy(way, statements).thenReturn(true);
    }

    Mono<Void> shownBy(Way way, Function<String, StatementSpec> statements) {
      return Mono.defer(
          () -> {
            long now = System.nanoTime();
            List<Catalog.Column> columns = columns();
            Mono<Void> look =
                way == Way.LISTED
                    ? listed(columns, statements)
                    : shape(columns, statements)
                        .flatMap(shape -> compare(shape, columns, statements));
            return look.doOnSuccess(done -> last = new Shown(columns, now))
                .onErrorComplete(R2dbcPermissionDeniedException.class);
          });
    }

    private Mono<Void> listed(
        List<Catalog.Column> columns, Function<String, StatementSpec> statements) {
      return ShardColumns.columns(place.table(), statements)
          .flatMap(
              now ->
                  now.equals(columns)
                      ? Mono.empty()
                      : Mono.error(
                          new OutdatedColumnsException(
                              place.shard(), place.table() + ": other columns than were known")));
    }

    private Mono<Void> compare(
        String shape, List<Catalog.Column> columns, Function<String, StatementSpec> statements) {
      Told now = new Told(columns, shape);
      return now.equals(told)
          ? Mono.empty()
          : listed(columns, statements).doOnSuccess(same -> told = now);
    }

    private Mono<String> shape(
        List<Catalog.Column> columns, Function<String, StatementSpec> statements) {
      return statements
          .apply(sql(place.table(), columns))
          .map(TableWatch::shape)
          .one()
          .onErrorResume(R2dbcException.class, TableWatch::gone);
    }
  }

  private static Mono<String> gone(R2dbcException error) {
    return GONE.contains(error.getErrorCode())
        ? Mono.just("error " + error.getErrorCode())
        : Mono.error(error);
  }

  private static String sql(String table, List<Catalog.Column> columns) {
    StringBuilder sql = new StringBuilder("SELECT t.*");
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).collation() != null) {
        sql.append(", COLLATION(t.")
            .append(quoted(columns.get(i).name()))
            .append(") AS ")
            .append(COLLATION)
            .append(i);
      }
    }
    return sql.append(" FROM (SELECT 1 AS one) AS d LEFT JOIN ")
        .append(quoted(table))
        .append(" AS t ON FALSE")
        .toString();
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  private static String shape(Row row, RowMetadata metadata) {
    StringBuilder shape = new StringBuilder();
    List<? extends ColumnMetadata> columns = metadata.getColumnMetadatas();
    for (int i = 0; i < columns.size(); i++) {
      ColumnMetadata column = columns.get(i);
      shape
          .append(column.getName())
          .append(' ')
          .append(column.getType().getName())
          .append(' ')
          .append(column.getPrecision())
          .append(' ')
          .append(column.getScale())
          .append(' ')
          .append(column.getName().startsWith(COLLATION) ? row.get(i, String.class) : "")
          .append(", ");
    }
    return shape.toString();
  }
}
