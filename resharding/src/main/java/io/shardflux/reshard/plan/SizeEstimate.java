package io.shardflux.reshard.plan;

import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Table;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Estimates how much moves, without reading whole tables. */
final class SizeEstimate {

  /** Rows that are looked at; a table with fewer is counted. */
  private static final int SAMPLE = 10_000;

  private final Servers servers;
  private final TransitionStrategy way;
  private final List<TableRule.Sharded> rules;

  /**
   * Asks no server yet.
   *
   * @param rules the tables whose rows move
   */
  SizeEstimate(Servers servers, TransitionStrategy way, List<TableRule.Sharded> rules) {
    this.servers = servers;
    this.way = way;
    this.rules = rules;
  }

  /** Rows and bytes of a table, or of a part of it. */
  private record Size(long rows, long bytes) {

    static final Size NONE = new Size(0, 0);

    Size and(Size other) {
      return new Size(rows + other.rows, bytes + other.bytes);
    }

    Size ofRows(long others) {
      return new Size(others, rows == 0 ? 0 : Math.round((double) bytes * others / rows));
    }
  }

  /** The size of the tables on the shards that keys leave or stay on. */
  Mono<List<Table>> tables() {
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                Flux.fromIterable(way.old().shards())
                    .concatMap(shard -> on(shard, session -> whole(session, rule.table())))
                    .reduce(Size.NONE, Size::and)
                    .map(size -> new Table(rule.table(), size.rows(), size.bytes())))
        .collectList();
  }

  /** The size of what each step moves. */
  Mono<List<Pair>> pairs() {
    return Flux.fromIterable(way.steps())
        .concatMap(
            step ->
                Flux.fromIterable(rules)
                    .concatMap(rule -> on(step.from(), session -> moving(session, step, rule)))
                    .reduce(Size.NONE, Size::and)
                    .map(size -> new Pair(step.from(), step.to(), size.rows(), size.bytes())))
        .collectList();
  }

  private Flux<Size> on(ShardId shard, Function<Session, Mono<Size>> work) {
    return servers.on(shard, work);
  }

  private static Mono<Size> whole(Session session, String table) {
    return fresh(session)
        .thenMany(
            session.rows(
                "SELECT COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH,"
                    + " 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND"
                    + " TABLE_NAME = "
                    + MovedTable.text(table),
                row ->
                    new Size(
                        Objects.requireNonNull(row.get(0, Long.class)),
                        Objects.requireNonNull(row.get(1, Long.class)))))
        .single(Size.NONE);
  }

  /** MySQL tells what it knew a day ago, otherwise. */
  private static Mono<Long> fresh(Session session) {
    return session.place().mariaDb()
        ? Mono.empty()
        : session.update("SET SESSION information_schema_stats_expiry = 0");
  }

  private Mono<Size> moving(Session session, Step step, TableRule.Sharded rule) {
    return Mono.zip(whole(session, rule.table()), way.moving(step, rule.key()))
        .flatMap(
            both ->
                both.getT1().bytes() == 0
                    ? Mono.just(Size.NONE)
                    : moving(session, rule, both.getT1(), both.getT2()));
  }

  private static Mono<Size> moving(
      Session session, TableRule.Sharded rule, Size whole, String condition) {
    String table = MovedTable.quoted(rule.table());
    return session
        .rows(
            "SELECT COUNT(*), CAST(COALESCE(SUM(IF("
                + condition
                + ", 1, 0)), 0) AS SIGNED) FROM (SELECT "
                + rule.key().stream()
                    .map(KeyColumn::name)
                    .map(MovedTable::quoted)
                    .collect(Collectors.joining(", "))
                + " FROM "
                + table
                + " LIMIT "
                + SAMPLE
                + ") AS sample",
            row ->
                new long[] {
                  Objects.requireNonNull(row.get(0, Long.class)),
                  Objects.requireNonNull(row.get(1, Long.class))
                })
        .single()
        .flatMap(
            counted ->
                counted[0] < SAMPLE
                    ? Mono.just(new Size(counted[0], whole.bytes()).ofRows(counted[1]))
                    : byIndex(session, table, condition)
                        .defaultIfEmpty(whole.rows() * counted[1] / counted[0])
                        .map(whole::ofRows));
  }

  /** The rows that a range of an index has; empty if the condition is no range of one. */
  private static Mono<Long> byIndex(Session session, String table, String condition) {
    return session
        .rows(
            // MySQL 9 draws a tree otherwise.
            "EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM " + table + " WHERE " + condition,
            row ->
                "range".equals(row.get("type", String.class))
                    ? Objects.requireNonNull(row.get("rows", Long.class))
                    : -1L)
        .next()
        .filter(rows -> rows >= 0);
  }
}
