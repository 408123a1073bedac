package io.shardflux.reshard.plan;

import io.r2dbc.spi.Readable;
import io.shardflux.cluster.ClusterAccess;
import io.shardflux.r2dbc.config.IdSource;
import io.shardflux.r2dbc.settings.ProcessConnections;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Looks for what the application has while its rows are where they are, and no longer has once they
 * are on other shards, too.
 */
final class GuaranteeCheck {

  /** By how much clocks of routers may differ. */
  private static final Duration CLOCKS = Duration.ofMinutes(1);

  private static final String HERE = " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ";

  private final ClusterAccess cluster;
  private final Servers servers;
  private final List<TableRule.Sharded> rules;
  private final Set<ShardId> old;
  private final Set<ShardId> next;
  private final List<Refusal> refusals = new ArrayList<>();

  /**
   * Asks no server yet.
   *
   * @param rules the tables whose rows move
   */
  GuaranteeCheck(
      ClusterAccess cluster,
      Servers servers,
      List<TableRule.Sharded> rules,
      ShardingStrategy old,
      ShardingStrategy next) {
    this.cluster = cluster;
    this.servers = servers;
    this.rules = rules;
    this.old = old.shards();
    this.next = next.shards();
  }

  Mono<List<Refusal>> refusals() {
    ShardId first = old.iterator().next();
    return servers
        .on(first, session -> definitions(session).thenReturn(true))
        .thenMany(Flux.fromIterable(old))
        .concatMap(shard -> servers.on(shard, session -> sources(session).thenReturn(true)))
        .thenMany(Flux.fromIterable(all()))
        .concatMap(shard -> servers.on(shard, session -> triggers(session).thenReturn(true)))
        .thenMany(server(first))
        .concatMap(
            expected ->
                Flux.fromIterable(next)
                    .filter(shard -> !old.contains(shard))
                    .concatMap(shard -> differs(first, expected, shard)))
        .then(Mono.fromSupplier(() -> List.copyOf(refusals)));
  }

  private Set<ShardId> all() {
    Set<ShardId> all = new LinkedHashSet<>(old);
    all.addAll(next);
    return all;
  }

  /** Refuses definitions whose promises one database keeps, and two do not. */
  private Mono<Void> definitions(Session session) {
    if (next.size() == 1) {
      return Mono.empty();
    }
    boolean split = old.size() == 1;
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                counted(session, rule.table())
                    .then(split ? unique(session, rule) : Mono.empty())
                    .then(split ? readers(session, rule.table()) : Mono.empty()))
        .then();
  }

  /** Numbers that a table gives by itself are given twice as soon as it is on two shards. */
  private Mono<Void> counted(Session session, String table) {
    return session
        .rows(
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
                + HERE
                + MovedTable.text(table)
                + " AND EXTRA LIKE '%auto_increment%'",
            row -> new Counter(name(row), String.valueOf(row.get(1, String.class))))
        .collectList()
        .flatMapIterable(counters -> counters)
        .concatMap(counter -> counted(table, counter))
        .then();
  }

  /** A column that counts, with its type. */
  private record Counter(String column, String type) {}

  private Mono<Void> counted(String table, Counter counter) {
    if (!cluster.givesIds()) {
      refuseCounter(
          table,
          counter,
          "numbers that no two shards give; configure ids, and have the application insert those,"
              + " or accept this for the table");
      return Mono.empty();
    }
    if (!counter.type().equalsIgnoreCase("bigint")) {
      refuseCounter(table, counter, "BIGINT, as ids have 63 bits; alter it, or accept this");
      return Mono.empty();
    }
    return Flux.fromIterable(old)
        .concatMap(shard -> servers.on(shard, session -> greatest(session, table, counter)))
        .reduce(0L, Math::max)
        .filter(greatest -> greatest >= IdSource.below(Instant.now().plus(CLOCKS)))
        .doOnNext(
            greatest ->
                refuseCounter(
                    table,
                    counter,
                    "no number like "
                        + greatest
                        + " that the router's ids may give again; have it take lower ones, or"
                        + " accept this"))
        .then();
  }

  private static Mono<Long> greatest(Session session, String table, Counter counter) {
    return session.number(
        "SELECT COALESCE(LEAST(MAX("
            + MovedTable.quoted(counter.column())
            + "), "
            + Long.MAX_VALUE
            + "), 0) FROM "
            + MovedTable.quoted(table));
  }

  private void refuseCounter(String table, Counter counter, String expected) {
    refuse(
        Code.AUTO_INCREMENT,
        table,
        counter.column() + ", AUTO_INCREMENT, " + counter.type() + " (expected: " + expected + ")");
  }

  private Mono<Void> unique(Session session, TableRule.Sharded rule) {
    return session
        .rows(
            "SELECT INDEX_NAME, GROUP_CONCAT(LOWER(COALESCE(COLUMN_NAME, '')) SEPARATOR '\n') FROM"
                + " information_schema.STATISTICS"
                + HERE
                + MovedTable.text(rule.table())
                + " AND NON_UNIQUE = 0 GROUP BY INDEX_NAME ORDER BY INDEX_NAME",
            row ->
                new Unique(
                    name(row), List.of(String.valueOf(row.get(1, String.class)).split("\n"))))
        .filter(index -> !index.columns().containsAll(names(rule)))
        .doOnNext(
            index ->
                refuse(
                    Code.UNIQUE_KEY,
                    rule.table(),
                    index.name()
                        + ", unique in one database alone (expected: the columns "
                        + names(rule)
                        + " in it; afterwards two shards may have the same value, which the"
                        + " application must rule out)"))
        .then();
  }

  private record Unique(String name, List<String> columns) {}

  private static List<String> names(TableRule.Sharded rule) {
    return rule.key().stream().map(KeyColumn::name).map(GuaranteeCheck::lower).toList();
  }

  private static String lower(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  /** Views, routines and events that have the table's name in their text. */
  private Mono<Void> readers(Session session, String table) {
    String named = MovedTable.text("%" + table.replace("_", "\\_").replace("%", "\\%") + "%");
    return session
        .rows(
            "SELECT CONCAT('view ', TABLE_NAME) FROM information_schema.VIEWS WHERE TABLE_SCHEMA ="
                + " DATABASE() AND VIEW_DEFINITION LIKE "
                + named
                + " UNION ALL SELECT CONCAT(LOWER(ROUTINE_TYPE), ' ', ROUTINE_NAME) FROM"
                + " information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND"
                + " ROUTINE_DEFINITION LIKE "
                + named
                + " UNION ALL SELECT CONCAT('event ', EVENT_NAME) FROM information_schema.EVENTS"
                + " WHERE EVENT_SCHEMA = DATABASE() AND EVENT_DEFINITION LIKE "
                + named,
            GuaranteeCheck::name)
        .doOnNext(
            reader ->
                refuse(
                    Code.VIEW_OR_ROUTINE,
                    table,
                    reader
                        + " has its name (expected: none; afterwards it has the rows of its own"
                        + " shard alone)"))
        .then();
  }

  private Mono<Void> sources(Session session) {
    return others(session)
        .thenMany(Flux.fromIterable(rules))
        .concatMap(rule -> nulls(session, rule))
        .then();
  }

  /** Rows that no shard owns would be counted by no statement for all shards. */
  private Mono<Void> nulls(Session session, TableRule.Sharded rule) {
    List<String> key = names(rule);
    return session
        .rows(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS"
                + HERE
                + MovedTable.text(rule.table())
                + " AND IS_NULLABLE = 'YES'",
            GuaranteeCheck::name)
        .filter(column -> key.contains(lower(column)))
        .collectList()
        .flatMapIterable(columns -> columns)
        .concatMap(
            column ->
                session
                    .rows(
                        "SELECT 1 FROM "
                            + MovedTable.quoted(rule.table())
                            + " WHERE "
                            + MovedTable.quoted(column)
                            + " IS NULL LIMIT 1",
                        row -> column)
                    .collectList()
                    .flatMapIterable(found -> found))
        .doOnNext(
            column ->
                refuse(
                    Code.NULL_KEY,
                    rule.table(),
                    column
                        + ", NULL in a row on "
                        + session.shard()
                        + " (expected: a value in each row, by which its shard is found; give"
                        + " these rows one, or put them into a table that is pinned)"))
        .then();
  }

  /** Connections to the source's database that no router has. */
  private Mono<Void> others(Session session) {
    return Mono.zip(clients(session), server(session))
        .flatMap(
            both ->
                cluster
                    .strangers(both.getT2(), both.getT1().keySet())
                    // It may have been closed since, as by a router that has ended.
                    .flatMap(
                        strangers ->
                            strangers.isEmpty()
                                ? Mono.just(List.<Client>of())
                                : clients(session).map(now -> these(now, strangers)))
                    // Of accounts alone it is known whether a router may have them.
                    .switchIfEmpty(Mono.fromSupplier(() -> otherAccounts(both.getT1()))))
        .doOnNext(
            clients ->
                clients.stream()
                    .map(Client::account)
                    .distinct()
                    .forEach(
                        account ->
                            refuse(
                                Code.OTHER_CLIENT,
                                session.shard().value(),
                                account
                                    + " is connected (expected: routers alone; others are refused"
                                    + " while their rows move, and afterwards write where no router"
                                    + " looks)")))
        .then();
  }

  /**
   * A connection to the source's database.
   *
   * @param own whether it is of this session's account
   */
  private record Client(String account, boolean own) {}

  private static Mono<Map<Long, Client>> clients(Session session) {
    return session
        .rows(
            "SELECT ID, CONCAT(USER, ' at ', LEFT(HOST, CHAR_LENGTH(HOST) - LOCATE(':',"
                + " REVERSE(HOST)))), USER = SUBSTRING_INDEX(USER(), '@', 1) FROM"
                + " information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
                // Whoever is about to log in has no session yet, as a router's new connection.
                + " AND USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user')",
            row ->
                Map.entry(
                    Objects.requireNonNull(row.get(0, Long.class)),
                    new Client(
                        Objects.requireNonNull(row.get(1, String.class)),
                        Objects.requireNonNull(row.get(2, Integer.class)) == 1)))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue);
  }

  private static Mono<String> server(Session session) {
    return session.rows("SELECT " + ProcessConnections.SERVER, GuaranteeCheck::name).single();
  }

  private static List<Client> these(Map<Long, Client> clients, Set<Long> ids) {
    return clients.entrySet().stream()
        .filter(client -> ids.contains(client.getKey()))
        .map(Map.Entry::getValue)
        .toList();
  }

  private static List<Client> otherAccounts(Map<Long, Client> clients) {
    return clients.values().stream().filter(client -> !client.own()).toList();
  }

  /** The application's own triggers: none is made on a target, and each fires for copied rows. */
  private Mono<Void> triggers(Session session) {
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                session
                    .rows(
                        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE"
                            + " EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = "
                            + MovedTable.text(rule.table())
                            + " AND TRIGGER_NAME NOT LIKE 'shardflux\\_%'",
                        GuaranteeCheck::name)
                    .doOnNext(
                        trigger ->
                            refuse(
                                Code.TRIGGER,
                                rule.table() + " on " + session.shard(),
                                trigger
                                    + (next.contains(session.shard())
                                        ? " fires for each row that is copied there or deleted"
                                        : " is not made on the targets")
                                    + " (expected: none; drop it for the time, or accept this)")))
        .then();
  }

  /** The settings of server and database that statements depend on, whatever their tables. */
  private Mono<List<String>> server(ShardId shard) {
    return servers
        .on(
            shard,
            session ->
                session
                    .rows(
                        "SELECT CONCAT_WS('\n', CONCAT('sql_mode ', @@GLOBAL.sql_mode),"
                            + " CONCAT('lower_case_table_names ', @@lower_case_table_names),"
                            + " CONCAT('character set ', DEFAULT_CHARACTER_SET_NAME, ', collation"
                            + " ', DEFAULT_COLLATION_NAME)) FROM information_schema.SCHEMATA WHERE"
                            + " SCHEMA_NAME = DATABASE()",
                        row -> List.of(name(row).split("\n")))
                    .single())
        .single();
  }

  private Mono<Void> differs(ShardId first, List<String> expected, ShardId shard) {
    return server(shard)
        .doOnNext(
            found -> {
              for (int i = 0; i < expected.size(); i++) {
                if (!found.get(i).equals(expected.get(i))) {
                  refuse(
                      Code.SERVER_DIFFERS,
                      shard.value(),
                      found.get(i)
                          + " (expected: "
                          + expected.get(i)
                          + ", as on "
                          + first
                          + "; otherwise statements may mean something else there)");
                }
              }
            })
        .then();
  }

  private static String name(Readable row) {
    return Objects.requireNonNull(row.get(0, String.class));
  }

  private void refuse(Code code, String where, String message) {
    refusals.add(new Refusal(code, where, message));
  }
}
