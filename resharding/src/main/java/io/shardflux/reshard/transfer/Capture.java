package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.cluster.JobLostException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The triggers and tables in the databases of both sides while a step runs. Triggers note the key
 * of each moving row that changes, in the writer's own transaction, and take a shared lock on the
 * step's row of the fence. While the fence is closed they refuse the write. A step's triggers name
 * one row of the fence only, so that writers never wait for each other. They do not see what the
 * mover writes.
 *
 * @param job the job's number
 * @param step the step's position in the plan, from 0
 * @param table the table whose rows move
 * @param number the table's position in the step, from 0
 * @param moving the condition of the moving rows
 */
@Internal
public record Capture(long job, int step, MovedTable table, int number, String moving) {

  /** The ranges of numbers in a statement. */
  private static final int MOST_RANGES = 900;

  /** The error by which a closed fence refuses a write; routers know it. */
  public static final int FENCED = 45_001;

  private static final List<String> CREATE =
      List.of(
          """
          CREATE TABLE IF NOT EXISTS shardflux_fence (
            job BIGINT NOT NULL,
            step INT NOT NULL,
            closed TINYINT NOT NULL,
            PRIMARY KEY (job, step)
          ) ENGINE = InnoDB\
          """,
          """
          CREATE TABLE IF NOT EXISTS shardflux_owner (
            job BIGINT NOT NULL PRIMARY KEY,
            token BIGINT NOT NULL
          ) ENGINE = InnoDB\
          """);

  /** Makes the tables that every shard of a job needs, and takes the shard for this owner. */
  public static Mono<Void> prepare(Session session, Owned owned) {
    return Flux.fromIterable(CREATE)
        .concatMap(session::update)
        .then(session.update("INSERT IGNORE INTO shardflux_owner VALUES (" + owned.job() + ", 0)"))
        .then(
            session.update(
                "UPDATE shardflux_owner SET token = "
                    + owned.token()
                    + " WHERE job = "
                    + owned.job()
                    + " AND token < "
                    + owned.token()))
        .then(session.taken(owned, OwnersTurn.awaited(session, owned.job())))
        .then(check(session, owned));
  }

  /** Refuses a former owner; inside a transaction it is held off until that one's end. */
  public static Mono<Void> check(Session session, Owned owned) {
    return session
        .rows(
            "SELECT token FROM shardflux_owner WHERE job = " + owned.job() + " LOCK IN SHARE MODE",
            row -> Objects.requireNonNull(row.get(0, Long.class)))
        .single(0L)
        .flatMap(
            token ->
                token == owned.token()
                    ? Mono.empty()
                    : Mono.error(new JobLostException(owned.job())));
  }

  /** Notes on a side that the owner was there, as its replicas know later. */
  public static Mono<Void> noted(Session session, Owned owned) {
    return session.inTransaction(
        check(session, owned)
            .then(
                session.update(
                    "INSERT INTO shardflux_owner VALUES ("
                        + -owned.job()
                        + ", "
                        + owned.token()
                        + ") ON DUPLICATE KEY UPDATE token = "
                        + owned.token()))
            .then());
  }

  /** The query that gives 1 where that is known. */
  public static String noted(Owned owned) {
    return "SELECT COUNT(*) FROM shardflux_owner WHERE job = "
        + -owned.job()
        + " AND token = "
        + owned.token();
  }

  public String changes() {
    return changes(job, step, number);
  }

  public static String changes(long job, int step, int number) {
    return "`shardflux_change_" + job + "_" + step + "_" + number + "`";
  }

  /** How many changes wait, about: numbers of transactions that were rolled back are missing. */
  public static Mono<Long> waiting(Session session, String changes) {
    return session
        .number("SELECT COALESCE(MAX(shardflux_seq) - MIN(shardflux_seq) + 1, 0) FROM " + changes)
        // It is not there yet, or no longer.
        .onErrorReturn(R2dbcBadGrammarException.class, 0L);
  }

  private String trigger(String event) {
    return "`shardflux_" + job + "_" + step + "_" + number + "_" + event + "`";
  }

  /** Makes the table of changes and the triggers, as soon as no open transaction is in the way. */
  public Mono<Void> install(Session source, Owned owned) {
    return leftOver(source)
        .collectList()
        // The source must not be asked while it is read.
        .flatMapIterable(names -> names)
        .concatMap(name -> patiently(source, owned, "DROP TRIGGER IF EXISTS `" + name + "`"))
        .then(OwnersTurn.of(source, owned, source.update(changeTable())))
        .thenMany(Flux.fromIterable(triggers()))
        .concatMap(trigger -> patiently(source, owned, trigger))
        .then();
  }

  /** The triggers of other jobs, which an owner made that stood still while its job ended. */
  private Flux<String> leftOver(Session source) {
    return source.rows(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
            + " AND EVENT_OBJECT_TABLE = "
            + MovedTable.text(table.name())
            + " AND TRIGGER_NAME REGEXP '^shardflux_[0-9]+_' AND TRIGGER_NAME NOT LIKE"
            + " 'shardflux\\_"
            + job
            + "\\_%'",
        row -> Objects.requireNonNull(row.get(0, String.class)));
  }

  /** Runs it as soon as no open transaction is in its way, without holding others up for long. */
  private Mono<Long> patiently(Session source, Owned owned, String change) {
    return Definitions.changed(source, owned, table.name(), change);
  }

  private String changeTable() {
    return "CREATE TABLE IF NOT EXISTS "
        + changes()
        + " (shardflux_seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, "
        + table.primary().stream()
            .map(column -> column.quoted() + " " + column.definition())
            .collect(Collectors.joining(", "))
        + ") ENGINE = InnoDB";
  }

  private List<String> triggers() {
    List<String> triggers = new ArrayList<>();
    triggers.add(trigger("insert", "INSERT", noted("NEW")));
    triggers.add(trigger("delete", "DELETE", noted("OLD")));
    triggers.add(trigger("update", "UPDATE", noted("OLD") + notedIfOther()));
    return triggers;
  }

  private String trigger(String name, String event, String body) {
    return "CREATE TRIGGER IF NOT EXISTS "
        + trigger(name)
        + " AFTER "
        + event
        + " ON "
        + table.quoted()
        + " FOR EACH ROW BEGIN DECLARE shut INT; IF @shardflux_mover IS NULL THEN "
        + body
        + "END IF; END";
  }

  private String noted(String row) {
    return "IF " + moving(row) + " THEN " + fenced() + append(row) + "END IF; ";
  }

  /** The new row of an update is noted too where its key is another, or it moves only now. */
  private String notedIfOther() {
    String same =
        table.primary().stream()
            .map(column -> "NEW." + column.quoted() + " <=> OLD." + column.quoted())
            .collect(Collectors.joining(" AND "));
    return "IF "
        + moving("NEW")
        + " AND NOT (("
        + same
        + ") AND "
        + moving("OLD")
        + ") THEN "
        + fenced()
        + append("NEW")
        + "END IF; ";
  }

  private String moving(String row) {
    return table.of(row, moving);
  }

  private String fenced() {
    return "SELECT closed INTO shut FROM shardflux_fence WHERE job = "
        + job
        + " AND step = "
        + step
        + " LOCK IN SHARE MODE; IF shut <> 0 THEN SIGNAL SQLSTATE '45S01' SET MYSQL_ERRNO = "
        + FENCED
        + ", MESSAGE_TEXT = 'shardflux: the row moves to another shard'; END IF; ";
  }

  private String append(String row) {
    return "INSERT INTO "
        + changes()
        + " ("
        + table.primaryList()
        + ") VALUES ("
        + table.primary().stream()
            .map(column -> row + "." + column.quoted())
            .collect(Collectors.joining(", "))
        + "); ";
  }

  /** Tells whether a side has the table. */
  public Mono<Boolean> there(Session session) {
    return session
        .number(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                + " AND TABLE_NAME = "
                + MovedTable.text(table.name()))
        .map(count -> count > 0);
  }

  /** Tells whether all triggers are there: a table that was dropped or made anew has none. */
  public Mono<Boolean> complete(Session source) {
    return source
        .number(
            "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
                + " AND EVENT_OBJECT_TABLE = "
                + MovedTable.text(table.name())
                + " AND TRIGGER_NAME LIKE 'shardflux\\_"
                + job
                + "\\_"
                + step
                + "\\_%'")
        .map(count -> count == triggers().size());
  }

  /**
   * A mark by which a table that was emptied, altered or made anew is told apart, be it a partition
   * of it. The ids are InnoDB's own, and the account must have the right {@code PROCESS} for them.
   * No view that needs no right tells of {@code TRUNCATE}.
   */
  public Mono<String> mark(Session source) {
    return mark(source, table.name());
  }

  public static Mono<String> mark(Session source, String table) {
    String file = fileName(source.place().database()) + "/" + fileName(table);
    return source
        .rows(
            "SELECT CONCAT_WS(' ', (SELECT GROUP_CONCAT(TABLE_ID ORDER BY TABLE_ID) FROM"
                + " information_schema."
                + (source.place().mariaDb() ? "INNODB_SYS_TABLES" : "INNODB_TABLES")
                + " WHERE LOWER(SUBSTRING_INDEX(NAME, '#', 1)) = LOWER("
                + MovedTable.text(file)
                + ")), (SELECT CRC32(GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, COLUMN_TYPE,"
                + " COLLATION_NAME, IS_NULLABLE, EXTRA) ORDER BY ORDINAL_POSITION)) FROM"
                + " information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = "
                + MovedTable.text(table)
                + "))",
            row -> String.valueOf(row.get(0, String.class)))
        .single();
  }

  /** A name as InnoDB has it in the names of files. */
  private static String fileName(String name) {
    StringBuilder file = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      file.append(plain || c == '_' ? String.valueOf(c) : "@%04x".formatted((int) c));
    }
    return file.toString();
  }

  /** The oldest changes: their numbers and the keys of their rows. */
  public Mono<Changes> oldest(Session source, int most) {
    return oldest(source, "TRUE", "FALSE", most);
  }

  /**
   * The oldest changes of a condition. Their keys are in order, so that rows that stand together on
   * the servers are put together.
   *
   * @param skipped the condition of changes of which the keys are left out
   */
  Mono<Changes> oldest(Session source, String condition, String skipped, int most) {
    return source
        .rows(
            "SELECT shardflux_seq, "
                + skipped
                + ", "
                + table.primaryLiterals()
                + " FROM (SELECT shardflux_seq, "
                + table.primaryList()
                + " FROM "
                + changes()
                + " WHERE "
                + condition
                + " ORDER BY shardflux_seq LIMIT "
                + most
                + ") AS oldest ORDER BY "
                + table.primaryList(),
            row ->
                new Change(
                    Objects.requireNonNull(row.get(0, Long.class)),
                    Objects.requireNonNull(row.get(1, Long.class)) == 0
                        ? table.key(row, 2)
                        : List.of()))
        .collectList()
        .map(Changes::of);
  }

  /**
   * The numbers of changes that wait.
   *
   * @param first the least one; the largest of all where none waits
   * @param last the greatest one; 0 where none waits
   */
  public record Bounds(long first, long last) {}

  public Mono<Bounds> bounds(Session source) {
    return source
        .rows(
            "SELECT COALESCE(MIN(shardflux_seq), "
                + Long.MAX_VALUE
                + "), COALESCE(MAX(shardflux_seq), 0) FROM "
                + changes(),
            row ->
                new Bounds(
                    Objects.requireNonNull(row.get(0, Long.class)),
                    Objects.requireNonNull(row.get(1, Long.class))))
        .single();
  }

  /** A change; its key is empty where it is left out. */
  private record Change(long number, List<String> key) {}

  /**
   * Changes that were read. Their numbers need not follow one another, as transactions commit in
   * any order.
   *
   * @param numbers from the least on
   * @param keys the keys of the rows that changed, each once
   */
  public record Changes(List<Long> numbers, List<List<String>> keys) {

    private static Changes of(List<Change> all) {
      return new Changes(
          all.stream().map(Change::number).sorted().toList(),
          all.stream().map(Change::key).filter(key -> !key.isEmpty()).distinct().toList());
    }

    /** The characters that its keys have together. */
    long length() {
      return keys.stream().flatMap(List::stream).mapToLong(String::length).sum();
    }

    boolean isEmpty() {
      return numbers.isEmpty();
    }

    long last() {
      return numbers.get(numbers.size() - 1);
    }

    /**
     * The conditions of their numbers, as ranges. The last number of each range stands alone: a
     * range is scanned up to the next row, which is another change of these then, and not one of a
     * writer that has not committed it and would be waited for. Servers scan all rows for more
     * ranges at once.
     */
    List<String> conditions() {
      List<String> conditions = new ArrayList<>();
      List<String> ranges = new ArrayList<>();
      List<Long> alone = new ArrayList<>();
      for (int from = 0, to; from < numbers.size(); from = to + 1) {
        to = from;
        while (to + 1 < numbers.size() && numbers.get(to + 1) == numbers.get(to) + 1) {
          to++;
        }
        if (to > from) {
          ranges.add("shardflux_seq BETWEEN " + numbers.get(from) + " AND " + numbers.get(to - 1));
        }
        alone.add(numbers.get(to));
        if (alone.size() == MOST_RANGES || to == numbers.size() - 1) {
          ranges.add(
              "shardflux_seq IN ("
                  + alone.stream().map(String::valueOf).collect(Collectors.joining(", "))
                  + ")");
          conditions.add(String.join(" OR ", ranges));
          ranges.clear();
          alone.clear();
        }
      }
      return conditions;
    }
  }

  /** Those of some keys whose changes are not yet applied. */
  public Mono<Set<List<String>>> pending(Session source, List<List<String>> keys) {
    return source
        .rows(
            "SELECT DISTINCT "
                + table.primaryLiterals()
                + " FROM "
                + changes()
                + " WHERE "
                + table.in(keys),
            row -> table.key(row, 0))
        .collect(Collectors.toSet());
  }

  /**
   * Forgets changes that were applied. A scan of the table, which servers prefer where most of it
   * goes, would wait for each change that writers add meanwhile, and never end.
   */
  public Mono<Long> forget(Session source, Owned owned, Changes applied) {
    return Flux.fromIterable(applied.conditions())
        .concatMap(
            some ->
                source.update(
                    deleteByNumbers(source) + " WHERE (" + some + ") AND " + stillOf(owned)))
        .reduce(0L, Long::sum);
  }

  /** MariaDB takes an index for several tables alone, where MySQL goes through all rows. */
  private String deleteByNumbers(Session source) {
    return source.place().mariaDb()
        ? "DELETE c FROM " + changes() + " AS c FORCE INDEX (PRIMARY)"
        : "DELETE /*+ INDEX(" + changes() + " PRIMARY) */ FROM " + changes();
  }

  /**
   * The same, each by its key: a scan would wait for the changes of writers that have not committed
   * them yet.
   */
  public Mono<Long> forgetByKey(Session source, Owned owned, Changes applied) {
    return source.update(
        "DELETE c FROM ("
            + applied.numbers().stream()
                .map(number -> "SELECT " + number + " AS seq")
                .collect(Collectors.joining(" UNION ALL "))
            + ") AS k STRAIGHT_JOIN "
            + changes()
            + " AS c FORCE INDEX (PRIMARY) ON c.shardflux_seq = k.seq WHERE "
            + stillOf(owned));
  }

  /** A table that was made anew has these numbers for other changes. */
  private static String stillOf(Owned owned) {
    return "(SELECT token FROM shardflux_owner WHERE job = " + owned.job() + ") = " + owned.token();
  }

  /** Takes away all that stands on a side, in an order that leaves no trigger without it. */
  public Mono<Void> remove(Session source, Owned owned) {
    return remove(source, owned, Mono.empty());
  }

  /**
   * The same, where the rest of the changes is of use.
   *
   * @param last takes them, once no trigger notes more
   */
  public Mono<Void> remove(Session source, Owned owned, Mono<Void> last) {
    return Flux.just("insert", "delete", "update")
        .concatMap(event -> patiently(source, owned, "DROP TRIGGER IF EXISTS " + trigger(event)))
        .then(check(source, owned))
        .then(last)
        .then(OwnersTurn.of(source, owned, source.update("DROP TABLE IF EXISTS " + changes())))
        .then();
  }
}
