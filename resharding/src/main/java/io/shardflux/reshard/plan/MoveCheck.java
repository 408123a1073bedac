package io.shardflux.reshard.plan;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Looks for all that would stop a move, or make it wrong, before anything is touched. */
final class MoveCheck {

  /** Types whose literals are not exact, or that no index has whole. */
  private static final Set<String> INEXACT = Set.of("float", "double", "json", "bit");

  private final Servers servers;
  private final List<TableRule.Sharded> rules;
  private final ShardingStrategy old;
  private final ShardingStrategy next;
  private final @Nullable Set<String> beside;
  private final List<Refusal> refusals = new ArrayList<>();

  /**
   * Asks no server yet.
   *
   * @param rules the tables whose rows move
   * @param beside the tables that the target has already, where rows are copied and stay; null
   *     where they go
   */
  MoveCheck(
      Servers servers,
      List<TableRule.Sharded> rules,
      ShardingStrategy old,
      ShardingStrategy next,
      @Nullable Set<String> beside) {
    this.servers = servers;
    this.rules = rules;
    this.old = old;
    this.next = next;
    this.beside = beside;
  }

  Mono<List<Refusal>> refusals() {
    ShardId first = old.shards().iterator().next();
    return Flux.fromIterable(old.shards())
        .concatMap(source -> servers.on(source, session -> source(session).thenReturn(true)))
        .thenMany(Flux.fromIterable(all()))
        .concatMap(shard -> servers.on(shard, session -> side(session).thenReturn(true)))
        .thenMany(Flux.fromIterable(idle()))
        .concatMap(shard -> servers.on(shard, session -> ready(session).thenReturn(true)))
        .thenMany(Flux.fromIterable(rules))
        .concatMap(rule -> compared(first, rule))
        .then(Mono.fromSupplier(() -> List.copyOf(refusals)));
  }

  private Mono<Void> source(Session session) {
    return Flux.fromIterable(rules)
        .concatMap(rule -> table(session, rule.table()).then(foreignKeys(session, rule.table())))
        .then();
  }

  /** Triggers stand on both sides of a step. */
  private Mono<Void> side(Session session) {
    return statements(session)
        .then(rights(session))
        .then(
            old.shards().contains(session.shard())
                ? Mono.<Void>empty()
                // The tables that move may be missing there.
                : marked(session, "shardflux_identity"))
        .then(conditions(session));
  }

  /** The shards that a directory gets without a key, so that no step makes the tables there. */
  private Set<ShardId> idle() {
    if (!(next instanceof NamedKeysStrategy named)) {
      return Set.of();
    }
    Set<ShardId> idle = new LinkedHashSet<>(next.shards());
    idle.removeAll(old.shards());
    idle.removeAll(named.named().values());
    return idle;
  }

  private Mono<Void> ready(Session session) {
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                MovedTable.read(session, rule.table(), List.of())
                    .switchIfEmpty(
                        Mono.fromRunnable(
                            () ->
                                refuse(
                                    Code.TABLE_MISSING,
                                    rule.table() + " on " + session.shard(),
                                    "missing, and no key moves there (expected: as elsewhere; make"
                                        + " it there, or leave the shard out)"))))
        .then();
  }

  private Set<ShardId> all() {
    Set<ShardId> all = new LinkedHashSet<>(old.shards());
    all.addAll(next.shards());
    return all;
  }

  private Mono<Void> conditions(Session session) {
    return Flux.fromIterable(rules).concatMap(rule -> conditions(session, rule)).then();
  }

  /**
   * Asks by what each strategy owns, as the triggers on the source will and the writes on the
   * target. The table may be missing there, so no table is asked.
   */
  private Mono<Void> conditions(Session session, TableRule.Sharded rule) {
    String row =
        rule.key().stream()
            .map(column -> "NULL AS `" + column.name().replace("`", "``") + "`")
            .collect(Collectors.joining(", ", "(SELECT ", ") AS row_of_no_table"));
    return Mono.zip(
            old.owns(old.shards().iterator().next(), rule.key()),
            next.owns(next.shards().iterator().next(), rule.key()))
        .flatMap(
            both ->
                session
                    .rows(
                        "SELECT 1 FROM " + row + " WHERE " + both.getT1() + " OR " + both.getT2(),
                        found -> 1)
                    .then())
        .onErrorResume(
            R2dbcException.class,
            error -> {
              refuse(
                  Code.STRATEGY_SQL,
                  rule.table() + " on " + session.shard(),
                  error.getMessage()
                      + " (expected: a server that knows it; HashFunction.MD5 says what MySQL"
                      + " needs)");
              return Mono.empty();
            });
  }

  private void refuse(Code code, String where, String message) {
    refusals.add(new Refusal(code, where, message));
  }

  private Mono<Void> statements(Session session) {
    return session
        .rows(
            "SELECT CONCAT(@@log_bin, @@GLOBAL.binlog_format, @@binlog_format)",
            row -> String.valueOf(row.get(0, String.class)))
        .doOnNext(
            format -> {
              if (format.contains("STATEMENT") && !format.startsWith("0")) {
                refuse(
                    Code.STATEMENT_BINLOG,
                    session.shard().value(),
                    "binlog_format STATEMENT (expected: ROW or MIXED)");
              }
            })
        .then();
  }

  /** Makes a trigger on a table of its own, and takes both away. */
  private Mono<Void> rights(Session session) {
    return session
        .update("CREATE TABLE IF NOT EXISTS shardflux_trial (id INT PRIMARY KEY)")
        .then(
            session.update(
                "CREATE TRIGGER shardflux_trial_insert AFTER INSERT ON shardflux_trial FOR EACH ROW"
                    + " BEGIN END"))
        .then()
        .onErrorResume(
            error -> {
              refuse(
                  Code.RIGHTS,
                  session.shard().value(),
                  error.getMessage()
                      + " (expected: the rights CREATE, DROP and TRIGGER, and with a binary log"
                      + " log_bin_trust_function_creators=1)");
              return Mono.empty();
            })
        // It is not there where it could not be made.
        .then(session.update("DROP TABLE IF EXISTS shardflux_trial").onErrorComplete())
        .then();
  }

  /** Checks that emptying the table would be seen, because no trigger sees it. */
  private Mono<Void> marked(Session session, String table) {
    return Capture.mark(session, table)
        .filter(mark -> mark.contains(" "))
        .switchIfEmpty(
            Mono.error(
                () ->
                    new R2dbcNonTransientResourceException(
                        "InnoDB's id of the table is not shown")))
        .then()
        .onErrorResume(
            R2dbcException.class,
            error -> {
              refuse(
                  Code.RIGHTS,
                  table + " on " + session.shard(),
                  error.getMessage()
                      + " (expected: the right PROCESS, and a name of ASCII characters; without it"
                      + " a TRUNCATE is not seen)");
              return Mono.empty();
            });
  }

  private Mono<Void> table(Session session, String table) {
    String where = table + " on " + session.shard();
    return MovedTable.read(session, table, List.of())
        .doOnNext(
            found -> {
              if (found.primary().isEmpty()) {
                refuse(Code.NO_PRIMARY_KEY, where, "no primary key (expected: one)");
              }
              found.primary().stream()
                  .filter(column -> INEXACT.contains(column.type()))
                  .forEach(
                      column ->
                          refuse(
                              Code.KEY_TYPE,
                              where,
                              column.name()
                                  + ", "
                                  + column.type()
                                  + " in the primary key (expected: a type of exact values)"));
            })
        .doOnNext(found -> exact(session, found, where))
        .switchIfEmpty(
            Mono.fromRunnable(
                () -> refuse(Code.TABLE_MISSING, where, "missing (expected: as elsewhere)")))
        .then(engine(session, table));
  }

  /** MariaDB's JSON is a text. */
  private void exact(Session session, MovedTable table, String where) {
    if (!session.place().mariaDb()) {
      table.columns().stream()
          .filter(column -> column.type().equals("json"))
          .forEach(
              column ->
                  refuse(
                      Code.JSON_COLUMN,
                      where,
                      column.name()
                          + ", JSON (expected: no dates, times and binary values in it, which"
                          + " become texts, and no DECIMAL, at which the comparison stops; accept"
                          + " this if there are none)"));
    }
  }

  private Mono<Void> engine(Session session, String table) {
    String where = table + " on " + session.shard();
    return session
        .rows(
            "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                + " AND TABLE_NAME = "
                + MovedTable.text(table),
            row -> String.valueOf(row.get(0, String.class)))
        .concatMap(
            engine ->
                engine.equalsIgnoreCase("InnoDB")
                    ? marked(session, table)
                    : Mono.fromRunnable(
                        () -> refuse(Code.NOT_INNODB, where, engine + " (expected: InnoDB)")))
        .then();
  }

  /** Foreign keys from and to the table. */
  private Mono<Void> foreignKeys(Session session, String table) {
    Set<String> there = beside == null ? Set.of() : beside;
    String moved =
        Stream.concat(rules.stream().map(TableRule::table), there.stream())
            .map(MovedTable::text)
            .collect(Collectors.joining(", ", "(", ")"));
    String name = MovedTable.text(table);
    return session
        .rows(
            "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE"
                + " CONSTRAINT_SCHEMA = DATABASE() AND (TABLE_NAME = "
                + name
                + (beside == null ? " OR REFERENCED_TABLE_NAME = " + name : "")
                + ") AND (DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE',"
                + " 'SET NULL')"
                + (beside == null ? " OR TABLE_NAME NOT IN " + moved : "")
                + " OR REFERENCED_TABLE_NAME NOT IN "
                + moved
                + ")",
            row -> Objects.requireNonNull(row.get(0, String.class)))
        .doOnNext(
            constraint ->
                refuse(
                    Code.FOREIGN_KEY,
                    table + " on " + session.shard(),
                    constraint
                        + " (expected: none that cascades, as no trigger sees that, and none to a"
                        + " table that does not move with it)"))
        .then();
  }

  /** The targets must have the table as the source has it, or not at all. */
  private Mono<Void> compared(ShardId first, TableRule.Sharded rule) {
    return servers
        .on(first, session -> MovedTable.read(session, rule.table(), rule.key()))
        .next()
        .flatMapMany(
            expected ->
                Flux.fromIterable(next.shards())
                    .filter(target -> !target.equals(first))
                    .concatMap(
                        target ->
                            servers
                                .on(
                                    target,
                                    session -> MovedTable.read(session, rule.table(), rule.key()))
                                .doOnNext(
                                    found -> {
                                      if (!found.equals(expected)) {
                                        differs(rule.table(), target, "other columns", first);
                                      }
                                    })
                                .concatMap(found -> promises(first, target, rule.table()))))
        .then();
  }

  /** A key or check that one side lacks would let rows in that the other refuses. */
  private Mono<Void> promises(ShardId first, ShardId target, String table) {
    Mono<TableDefinition> there =
        servers
            .on(
                target,
                session ->
                    (old.shards().contains(target)
                            ? Mono.<Void>empty()
                            : engine(session, table).then(foreignKeys(session, table)))
                        .then(TableDefinition.read(session, table)))
            .next();
    return servers
        .on(first, session -> TableDefinition.read(session, table))
        .next()
        .zipWith(there, (expected, found) -> found.unlike(expected))
        .filter(unlike -> !unlike.isEmpty())
        .doOnNext(unlike -> differs(table, target, unlike, first))
        .then();
  }

  private void differs(String table, ShardId target, String what, ShardId first) {
    refuse(
        Code.TABLE_DIFFERS,
        table + " on " + target,
        what + " than on " + first + " (expected: the same)");
  }
}
