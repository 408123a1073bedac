package io.shardflux.driver.differential;

import static io.shardflux.driver.differential.Table.pinned;
import static io.shardflux.driver.differential.Table.row;
import static io.shardflux.driver.differential.Table.sharded;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.TimePeriod;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The tables of the differential tests: two colocated pairs, two more whose strategies have an
 * order, a reference table and a pinned one. Values are few, so that rows tie, join and group; and
 * awkward, so that servers and Java may see them in different ways.
 */
final class DifferentialTables {

  static final List<ShardId> SHARDS =
      List.of(ShardId.of("shard_0"), ShardId.of("shard_1"), ShardId.of("shard_2"));

  /** The first key that no row of the beginning has. */
  static final int FRESH = 1_000;

  private static final List<@Nullable Object> NAMES =
      row(
          "Ann",
          "ann",
          "ANN ",
          "Bob",
          "bob ",
          "Zoë",
          "zoe",
          "ZOE",
          "Ärger",
          "arger",
          "straße",
          "strasse",
          "O'Neil",
          "back\\slash",
          "a\"b",
          "",
          " ",
          "what? :no",
          "日本",
          "日本語",
          "😀",
          "𝒳",
          "100%",
          "under_score",
          "-- no comment",
          "/* none */");
  private static final List<@Nullable Object> CODES =
      row("a", "A", "b", "ab", "ä", "gz", "h", "hz", "p", "q", "qq", "Z", "o'k", "z\\z", "日", "?");
  private static final List<@Nullable Object> COUNTRIES =
      row("DE", "FR", "PL", "JP", "de", "US", "XX", null);
  private static final List<@Nullable Object> FLAGS = row(true, false);
  private static final List<@Nullable Object> DECIMALS =
      row(
          null,
          decimal("0.00"),
          decimal("-3.50"),
          decimal("1.25"),
          decimal("1.25"),
          decimal("99999.99"),
          decimal("7.00"),
          decimal("-0.01"));
  private static final List<@Nullable Object> DOUBLES =
      row(null, 0.0, 0.25, -0.5, 1.75, 1.75, 1024.0, -3.25, 100000.5);
  private static final List<@Nullable Object> DATES =
      row(
          null,
          LocalDate.of(1999, 12, 31),
          LocalDate.of(2000, 1, 1),
          LocalDate.of(2000, 1, 1),
          LocalDate.of(2024, 2, 29),
          LocalDate.of(2026, 7, 4));
  private static final List<@Nullable Object> TIMES =
      row(
          null,
          LocalTime.of(0, 0),
          LocalTime.of(9, 30),
          LocalTime.of(9, 30, 1),
          LocalTime.of(23, 59, 59));
  private static final List<@Nullable Object> DATE_TIMES =
      row(
          LocalDateTime.of(2024, 1, 1, 0, 0),
          LocalDateTime.of(2024, 1, 1, 0, 0, 0, 1_000),
          LocalDateTime.of(2024, 1, 1, 0, 0),
          LocalDateTime.of(2023, 6, 30, 23, 59, 59, 999_999_000),
          LocalDateTime.of(2025, 3, 30, 2, 30, 0, 500_000_000));
  private static final List<@Nullable Object> UNSIGNED =
      row(
          null,
          0L,
          1L,
          Long.MAX_VALUE,
          new BigInteger("9223372036854775808"),
          new BigInteger("18446744073709551615"),
          7L);

  private static final LocalTime MILLIS = LocalTime.of(9, 30, 0, 5_000_000);
  private static final List<@Nullable Object> INSTANTS =
      row(
          Instant.parse("2024-01-01T00:00:00Z"),
          Instant.parse("2023-12-31T23:59:59.999Z"),
          Instant.parse("2024-01-02T00:00:00Z"),
          Instant.parse("2024-03-31T01:30:00Z"),
          Instant.parse("2024-10-27T00:30:00.250Z"),
          Instant.parse("2024-10-27T01:30:00.250Z"));
  private static final List<@Nullable Object> BYTES =
      row(
          null,
          ByteBuffer.wrap(new byte[0]),
          ByteBuffer.wrap(new byte[] {0}),
          ByteBuffer.wrap(new byte[] {0, -1}),
          ByteBuffer.wrap(new byte[] {'a', ' '}),
          ByteBuffer.wrap(new byte[] {'a'}));

  private final Random random = new Random(7);

  /** The tables, as they are at the beginning. */
  static List<Table> all() {
    DifferentialTables made = new DifferentialTables();
    return List.of(
        made.customers(),
        made.orders(),
        made.accounts(),
        made.entries(),
        made.readings(),
        made.words(),
        made.events(),
        made.visits(),
        made.pings(),
        made.figures(),
        made.countries(),
        made.settings(),
        made.tokens());
  }

  /** The strategies that the tables name. */
  static Map<String, ShardingStrategy> strategies() {
    return strategies(SHARDS, SHARDS, byRange(40, 80), byRange("h", "q"));
  }

  /** Strategies that have most keys elsewhere. */
  static Map<String, ShardingStrategy> others() {
    return strategies(
        List.of(SHARDS.get(1), SHARDS.get(2), SHARDS.get(0)),
        SHARDS.subList(0, 2),
        byRange(20, 60),
        byRange("b", "i"));
  }

  private static Map<String, ShardingStrategy> strategies(
      List<ShardId> shards,
      List<ShardId> ring,
      ShardingStrategy byNumber,
      ShardingStrategy byWord) {
    Map<String, ShardingStrategy> strategies = new LinkedHashMap<>();
    strategies.put("by_id", ShardingStrategy.hash(shards));
    strategies.put("by_ring", ShardingStrategy.consistent(ring));
    strategies.put("by_number", byNumber);
    strategies.put("by_word", byWord);
    strategies.put("by_month", ShardingStrategy.time(TimePeriod.MONTH, Map.of(), shards));
    strategies.put("by_day", ShardingStrategy.time(TimePeriod.DAY, Map.of(), shards));
    return strategies;
  }

  private static ShardingStrategy byRange(Object second, Object third) {
    return ShardingStrategy.range(
        Map.of(
            KeyRange.below(second), SHARDS.get(0),
            KeyRange.of(second, third), SHARDS.get(1),
            KeyRange.from(third), SHARDS.get(2)));
  }

  private Table customers() {
    List<Column> columns =
        List.of(
            new Column("id", Kind.INTEGER, "BIGINT", numbers(1, 60)),
            new Column("name", Kind.GENERAL, "VARCHAR(40)", NAMES),
            new Column("email", Kind.BINARY, "VARCHAR(60)", withNull(NAMES)),
            new Column(
                "tier",
                Kind.CHOICE,
                "ENUM('silver','gold','basic')",
                row("silver", "gold", "basic")),
            new Column("score", Kind.INTEGER, "INT", row(null, -5, 0, 1, 2, 3, 3, 2147483647)),
            new Column("points", Kind.INTEGER, "INT UNSIGNED", row(0, 10, 10, 250, 4294967295L)),
            new Column("balance", Kind.DECIMAL, "DECIMAL(12,2)", DECIMALS),
            new Column("rate", Kind.DOUBLE, "DOUBLE", DOUBLES),
            new Column("active", Kind.FLAG, "BOOLEAN", FLAGS),
            new Column("born", Kind.DATE, "DATE", DATES),
            new Column("created", Kind.DATE_TIME, "DATETIME(6)", DATE_TIMES),
            new Column("country", Kind.BINARY, "CHAR(2)", COUNTRIES));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    numbers(1, 60).forEach(id -> keys.add(row(id)));
    return table(sharded("customers", "by_id", KeyColumn.integer("id")), 1, columns, keys);
  }

  private Table orders() {
    List<Column> columns =
        List.of(
            new Column("customer_id", Kind.INTEGER, "BIGINT", numbers(1, 64)),
            new Column("order_no", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("country", Kind.BINARY, "CHAR(2)", COUNTRIES),
            new Column("amount", Kind.DECIMAL, "DECIMAL(10,2)", withoutNull(DECIMALS)),
            new Column("quantity", Kind.INTEGER, "SMALLINT", row(null, 1, 1, 2, 5, -7, 300)),
            new Column("weight", Kind.DOUBLE, "DOUBLE", DOUBLES),
            new Column(
                "status",
                Kind.CHOICE,
                "ENUM('void','open','paid')",
                row(null, "void", "open", "paid")),
            new Column("note", Kind.UNICODE, "VARCHAR(60)", withNull(NAMES)),
            new Column("placed", Kind.DATE_TIME, "DATETIME(6)", DATE_TIMES),
            new Column("slot", Kind.TIME, "TIME", TIMES),
            new Column("big", Kind.UNSIGNED, "BIGINT UNSIGNED", UNSIGNED),
            new Column("tiny", Kind.INTEGER, "TINYINT", row(null, -128, 0, 5, 127)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (int customer = 1; customer <= 62; customer++) {
      for (int number = 1; number <= random.nextInt(5); number++) {
        keys.add(row(customer, number));
      }
    }
    return table(sharded("orders", "by_id", KeyColumn.integer("customer_id")), 2, columns, keys);
  }

  private Table accounts() {
    List<Column> columns =
        List.of(
            new Column("tenant", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("code", Kind.BINARY, "VARCHAR(20)", CODES),
            new Column("owner", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("kind", Kind.UNICODE, "CHAR(3)", row("gir", "GIR", "spa", "Spá", "x")),
            new Column("opened", Kind.DATE, "DATE", withoutNull(DATES)),
            new Column(
                "cap",
                Kind.DECIMAL,
                "DECIMAL(14,4)",
                row(
                    null,
                    decimal("0.0001"),
                    decimal("12.5000"),
                    decimal("-12.5000"),
                    decimal("12.5000"))),
            new Column("is_open", Kind.FLAG, "BOOLEAN", row(true, false, null)),
            new Column("level", Kind.INTEGER, "TINYINT UNSIGNED", row(0, 1, 1, 200, 255)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (int tenant = 1; tenant <= 3; tenant++) {
      for (Object code : CODES) {
        if (random.nextInt(5) > 0) {
          keys.add(row(tenant, code));
        }
      }
    }
    return table(ring("accounts"), 2, columns, keys);
  }

  private Table entries() {
    List<Column> columns =
        List.of(
            new Column("tenant", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("code", Kind.BINARY, "VARCHAR(20)", CODES),
            new Column("entry_no", Kind.INTEGER, "BIGINT", row(1L, 2L, 5_000_000_000L)),
            new Column(
                "amount",
                Kind.DECIMAL,
                "DECIMAL(14,4)",
                row(
                    decimal("0.0001"),
                    decimal("10.0000"),
                    decimal("-10.0000"),
                    decimal("10.0000"))),
            new Column("label", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("booked", Kind.DATE_TIME, "DATETIME(6)", withNull(DATE_TIMES)),
            new Column("ratio", Kind.DOUBLE, "DOUBLE", withoutNull(DOUBLES)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (int tenant = 1; tenant <= 4; tenant++) {
      for (Object code : CODES) {
        for (int i = random.nextInt(5); i < 3; i++) {
          keys.add(row(tenant, code, columns.get(2).values().get(i)));
        }
      }
    }
    return table(ring("entries"), 3, columns, keys);
  }

  private static TableRule ring(String name) {
    return sharded(name, "by_ring", KeyColumn.integer("tenant"), KeyColumn.text("code"));
  }

  private Table readings() {
    List<Column> columns =
        List.of(
            new Column("id", Kind.INTEGER, "INT", numbers(1, 120)),
            new Column("sensor", Kind.BINARY, "VARCHAR(10)", row("n", "N", "s", "ö")),
            new Column("value", Kind.DOUBLE, "DOUBLE", DOUBLES),
            new Column("taken", Kind.DATE_TIME, "DATETIME(6)", DATE_TIMES),
            new Column("ok", Kind.FLAG, "BOOLEAN", FLAGS),
            new Column("delta", Kind.INTEGER, "SMALLINT", row(-2, -1, 0, 0, 1, 32767)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    numbers(1, 120).forEach(id -> keys.add(row(id)));
    return table(sharded("readings", "by_number", KeyColumn.integer("id")), 1, columns, keys);
  }

  private Table words() {
    List<Column> columns =
        List.of(
            new Column("word", Kind.BINARY, "VARCHAR(20)", CODES),
            new Column("sense", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("uses", Kind.INTEGER, "INT UNSIGNED", row(null, 0, 3, 3, 4294967295L)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    CODES.forEach(code -> keys.add(row(code)));
    return table(sharded("words", "by_word", KeyColumn.text("word")), 1, columns, keys);
  }

  private Table events() {
    List<@Nullable Object> times = new ArrayList<>();
    for (int month = 1; month <= 6; month++) {
      LocalDateTime first = LocalDateTime.of(2024, month, 1, 0, 0);
      times.addAll(List.of(first.minusNanos(1_000), first, first.plusDays(12).plusHours(7)));
    }
    List<Column> columns =
        List.of(
            new Column("at", Kind.DATE_TIME, "DATETIME(6)", times),
            new Column("event_no", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("day", Kind.DATE, "DATE", DATES),
            new Column(
                "fine",
                Kind.DECIMAL,
                "DECIMAL(30,10)",
                row(
                    null,
                    decimal("0.0000000001"),
                    decimal("12345678901234567890.0123456789"),
                    decimal("-3.5000000000"),
                    decimal("-3.5000000000"))),
            new Column("ratio", Kind.FLOAT, "FLOAT", row(null, 0.0f, 0.25f, -1.5f, 1024.5f)),
            new Column("made", Kind.YEAR, "YEAR", row(null, 1999, 2000, 2024, 2024)),
            new Column("bits", Kind.BITS, "BIT(8)", row(null, 0, 1, 5, 255)),
            new Column("tags", Kind.CHOICE, "SET('z','a','m')", row(null, "", "a", "z", "z,m")),
            new Column("raw", Kind.BYTES, "VARBINARY(8)", BYTES),
            new Column("body", Kind.GENERAL, "TEXT", withNull(NAMES)),
            new Column("many", Kind.INTEGER, "MEDIUMINT UNSIGNED", row(0, 1, 1, 16777215)),
            new Column("span", Kind.TIME, "TIME(3)", row(null, MILLIS, LocalTime.NOON)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (Object at : times) {
      for (int number = 1; number <= 1 + random.nextInt(3); number++) {
        keys.add(row(at, number));
      }
    }
    TableRule rule = sharded("events", "by_month", new KeyColumn("at", KeyType.DATETIME));
    return table(rule, 2, columns, keys);
  }

  private Table visits() {
    List<@Nullable Object> visitors = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      visitors.add(new UUID(random.nextLong(), random.nextLong()));
    }
    List<Column> columns =
        List.of(
            new Column("visitor", Kind.UUID, "CHAR(36)", visitors),
            new Column("seen", Kind.INSTANT, "TIMESTAMP(3)", withNull(INSTANTS)),
            new Column("page", Kind.UNICODE, "VARCHAR(60)", NAMES),
            new Column("took", Kind.INTEGER, "INT", row(null, 1, 2, 2, 5000)),
            new Column("share", Kind.DOUBLE, "DOUBLE UNSIGNED", row(0.0, 0.5, 0.5, 0.75)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    visitors.forEach(visitor -> keys.add(row(visitor)));
    TableRule rule = sharded("visits", "by_id", new KeyColumn("visitor", KeyType.UUID));
    return table(rule, 1, columns, keys);
  }

  private Table pings() {
    List<Column> columns =
        List.of(
            new Column("sent", Kind.INSTANT, "TIMESTAMP(3)", INSTANTS),
            new Column("node", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("back", Kind.INTEGER, "SMALLINT UNSIGNED", row(null, 3, 3, 65535)),
            new Column("loss", Kind.DECIMAL, "DECIMAL(5,4)", row(decimal("0.2500"), null)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (Object sent : INSTANTS) {
      for (int node = 1; node <= 1 + random.nextInt(4); node++) {
        keys.add(row(sent, node));
      }
    }
    TableRule rule = sharded("pings", "by_day", new KeyColumn("sent", KeyType.INSTANT));
    return table(rule, 2, columns, keys);
  }

  private Table figures() {
    List<@Nullable Object> cents = row(null, 0.1, 0.2, 0.7, 1.25, -3.33, 19.99, 0.1, 0.0);
    List<Column> columns =
        List.of(
            new Column("id", Kind.INTEGER, "INT", numbers(1, 70)),
            new Column("g", Kind.INTEGER, "INT", row(null, 1, 2, 3, 3)),
            new Column("a", Kind.INTEGER, "INT", row(1, 1, 1, 2, 3, 5, 7, -1, 0)),
            new Column("n", Kind.DECIMAL, "DECIMAL(10,2)", withNull(DECIMALS)),
            new Column(
                "m",
                Kind.DECIMAL,
                "DECIMAL(12,6)",
                row(decimal("3.141593"), decimal("0.000001"), decimal("-2.718282"))),
            new Column("x", Kind.DOUBLE, "DOUBLE", DOUBLES),
            new Column("d", Kind.DOUBLE, "DOUBLE(10,2)", cents),
            new Column("e", Kind.DOUBLE, "DOUBLE(12,4) UNSIGNED", row(0.1, 0.0001, 2.5, 0.3333)),
            new Column("f", Kind.FLOAT, "FLOAT", row(null, 0.25f, -1.5f, 1024.5f)),
            new Column("h", Kind.FLOAT, "FLOAT(8,2)", row(null, 0.25f, 0.1f, 7.7f)),
            new Column("z", Kind.INTEGER, "INT(5) ZEROFILL", row(null, 0, 7, 42, 99999)),
            new Column("u", Kind.INTEGER, "SMALLINT UNSIGNED", row(0, 1, 3, 65535)),
            new Column(
                "q",
                Kind.DECIMAL,
                "DECIMAL(7,3) UNSIGNED ZEROFILL",
                row(decimal("0.001"), decimal("1.500"), decimal("33.333"))));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    numbers(1, 60).forEach(id -> keys.add(row(id)));
    return table(
        sharded(NumberStatements.TABLE, "by_id", KeyColumn.integer("id")), 1, columns, keys);
  }

  private Table tokens() {
    List<@Nullable Object> tokens = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      byte[] bytes = {(byte) random.nextInt(4), (byte) i, (byte) -i, (byte) random.nextInt(2)};
      tokens.add(ByteBuffer.wrap(bytes));
    }
    List<Column> columns =
        List.of(
            new Column("token", Kind.BYTES, "BINARY(4)", tokens),
            new Column("use_no", Kind.INTEGER, "INT", numbers(1, 4)),
            new Column("raw", Kind.BYTES, "VARBINARY(8)", BYTES),
            new Column("title", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("worth", Kind.DECIMAL, "DECIMAL(10,2)", DECIMALS));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    for (Object token : tokens) {
      for (int number = 1; number <= 1 + random.nextInt(2); number++) {
        keys.add(row(token, number));
      }
    }
    TableRule rule = sharded("tokens", "by_id", new KeyColumn("token", KeyType.BINARY));
    return table(rule, 2, columns, keys);
  }

  private Table countries() {
    List<Column> columns =
        List.of(
            new Column("code", Kind.BINARY, "CHAR(2)", withoutNull(COUNTRIES)),
            new Column("title", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("people", Kind.UNSIGNED, "BIGINT UNSIGNED", UNSIGNED),
            new Column("eu", Kind.FLAG, "BOOLEAN", row(true, false, null)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    List.of("DE", "FR", "PL", "JP", "de", "BR").forEach(code -> keys.add(row(code)));
    return table(new TableRule.Reference("countries"), 1, columns, keys);
  }

  private Table settings() {
    List<Column> columns =
        List.of(
            new Column("item", Kind.BINARY, "VARCHAR(20)", CODES),
            new Column("content", Kind.GENERAL, "VARCHAR(40)", withNull(NAMES)),
            new Column("grade", Kind.INTEGER, "INT", row(null, 1, 2, 2)));
    List<List<@Nullable Object>> keys = new ArrayList<>();
    List.of("a", "b", "h", "q").forEach(code -> keys.add(row(code)));
    return table(pinned("settings", SHARDS.get(1)), 1, columns, keys);
  }

  /** With rows of these keys, and the other columns filled at random. */
  private Table table(
      TableRule rule, int primary, List<Column> columns, List<List<@Nullable Object>> keys) {
    List<List<@Nullable Object>> rows = new ArrayList<>();
    for (List<@Nullable Object> key : keys) {
      List<@Nullable Object> row = new ArrayList<>(key);
      for (Column column : columns.subList(primary, columns.size())) {
        row.add(column.values().get(random.nextInt(column.values().size())));
      }
      rows.add(row);
    }
    return new Table(rule, primary, columns, rows);
  }

  private static List<@Nullable Object> numbers(int from, int to) {
    List<@Nullable Object> numbers = new ArrayList<>();
    for (int i = from; i <= to; i++) {
      numbers.add(i);
    }
    return numbers;
  }

  private static List<@Nullable Object> withNull(List<@Nullable Object> values) {
    List<@Nullable Object> more = new ArrayList<>(values);
    more.add(null);
    more.add(null);
    return more;
  }

  private static List<@Nullable Object> withoutNull(List<@Nullable Object> values) {
    return values.stream().filter(value -> value != null).toList();
  }

  private static BigDecimal decimal(String text) {
    return new BigDecimal(text);
  }
}
