package io.shardflux.driver.scatter;

import io.shardflux.driver.catalog.TableWatch;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.StatementKind;
import java.time.Duration;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Lets a statement go to a shard only if the tables that it names are as its plan assumes. The age
 * that this proof may have depends on what a change would do. For example, almost all changes of a
 * table with an integer key leave its rows where they were.
 *
 * @param within the age that the proof may have
 * @param way the way to look at tables before a statement that is in no transaction
 * @param planned the tables as the plan assumes them
 * @param merged whether an answer depends on columns up to its end
 * @param asking gives the statement's settings to the statements that look at tables; null if there
 *     are none
 */
@Internal
public record Guard(
    TableWatch watch,
    Set<String> tables,
    Duration within,
    TableWatch.Way way,
    Catalog planned,
    boolean merged,
    @Nullable UnaryOperator<StatementSpec> asking) {

  private static final Duration LATELY = Duration.ofMillis(200);

  /** The guard of a plan; null if nothing in the plan depends on columns. */
  public static @Nullable Guard of(
      TableWatch watch,
      Topology topology,
      Prepared prepared,
      Hints hints,
      Plan plan,
      @Nullable UnaryOperator<StatementSpec> asking) {
    boolean copies = plan instanceof Plan.Writes writes && writes.copies();
    boolean sharded =
        prepared.tables().stream()
            .anyMatch(table -> topology.tables().get(table) instanceof TableRule.Sharded);
    if (hints.shard() != null || hints.key() != null || !(sharded || copies)) {
      return null;
    }
    boolean merged = plan instanceof Plan.Scatter scatter && scatter.merge().goesByTypes();
    boolean plain =
        !merged
            && !mayFitKeys(watch, prepared)
            && !prepared.assumesColumns()
            && prepared.tables().size() == 1
            && prepared.tables().stream().allMatch(table -> isByNumber(topology, table));
    boolean cheaply = !plain && plan instanceof Plan.Direct;
    return new Guard(
        watch,
        prepared.tables(),
        plain ? LATELY : Duration.ZERO,
        cheaply ? TableWatch.Way.TOLD_BY_A_ROW : TableWatch.Way.LISTED,
        prepared.catalog(),
        merged,
        asking);
  }

  /** Tells whether a key may be stored with another value than its shard was chosen by. */
  private static boolean mayFitKeys(TableWatch watch, Prepared prepared) {
    return prepared.kind() == StatementKind.INSERT && (prepared.ignores() || !watch.strict());
  }

  private static boolean isByNumber(Topology topology, String table) {
    return topology.tables().get(table) instanceof TableRule.Sharded rule
        && rule.key().stream().allMatch(column -> column.type() == KeyType.INTEGER);
  }

  /**
   * The proof that a statement must wait for before it goes to a shard; null if it need not wait.
   *
   * @param statements makes a statement for the shard
   */
  @Nullable
  public Mono<Void> before(ShardId shard, Function<String, StatementSpec> statements) {
    if (watch.isShown(shard, tables, within)) {
      return watch.isStill(planned, tables) ? null : watch.still(planned, shard, tables);
    }
    Mono<Void> look =
        asking == null
            ? watch.shown(shard, tables, within, way, statements)
            : watch.shownBy(shard, tables, way, sql -> asking.apply(statements.apply(sql)));
    return look.then(watch.still(planned, shard, tables));
  }

  /**
   * The proof to wait for at the end of a shard's rows, or null. The rows may have been read after
   * the first proof.
   */
  @Nullable Mono<Void> behind(ShardId shard, Function<String, StatementSpec> statements) {
    return merged ? before(shard, statements) : null;
  }

  /**
   * The same as {@code before} in a transaction, which keeps tables as they are once they were
   * looked at.
   */
  public Mono<Void> within(VirtualTransaction transaction, ShardPart there) {
    Set<String> unseen = transaction.unseen(there.shard(), tables);
    return unseen.isEmpty() || watch.isShown(there.shard(), unseen, within)
        ? Mono.empty()
        : watch
            .shownBy(
                there.shard(), unseen, TableWatch.Way.TOLD_BY_A_ROW, sql -> told(there.sql(sql)))
            .doOnSuccess(done -> transaction.seen(there.shard(), unseen))
            .then(watch.still(planned, there.shard(), tables));
  }

  private StatementSpec told(StatementSpec statement) {
    return asking == null ? statement : asking.apply(statement);
  }

  /**
   * Tells whether tables must be looked at before the statement and not behind it. A change would
   * make the statement fail, or do what is then undone.
   */
  public boolean first() {
    return within.isZero();
  }

  /**
   * The proof in a transaction of the statement's own, before the statement or behind it. Tables
   * stay as they are once the statement or the look has met them.
   *
   * @param copies whether the statement writes each shard's copy, so that values that the server
   *     fills in count too
   */
  public Mono<Void> inside(ShardPart there, boolean copies, Timeouts times) {
    Function<String, StatementSpec> statements = sql -> there.sql(sql).timeouts(times);
    Mono<Void> told =
        watch.shownBy(there.shard(), tables, TableWatch.Way.TOLD_BY_A_ROW, statements);
    Mono<Void> all =
        copies
            ? told.then(watch.shownBy(there.shard(), tables, TableWatch.Way.LISTED, statements))
            : told;
    return all.then(watch.still(planned, there.shard(), tables));
  }
}
