package io.shardflux.router;

import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.function.Supplier;

/** A table with a column of every kind that can hold a part of a key, and rows that are hard. */
final class KeyTable {

  private static final long MICROS_PER_DAY = 86_400_000_000L;
  private static final LocalDate YEAR_1000 = LocalDate.of(1000, 1, 1);
  private static final LocalDate LAST_DAY = LocalDate.of(9999, 12, 31);
  private static final List<String> WORDS =
      List.of(
          "a", "A", "b", "Z", "z", "ä", "Ä", "ß", "ss", "é", "e\u0301", "Zoë", "İ", "ı", "Łódź",
          "Ωμέγα", "日本語", "😀", "𝒳", "\uFFFF", " ", "  ", "\t", "\n", "\u0000", "\u001a", "'",
          "''", "\"", "`", "\\", "\\'", "%", "_", ";--", "/*", "0", "00", "1", "-1", "1e3", "null");
  private static final List<String> COUNTRIES =
      List.of("DE", "de", "DE ", "FR", "ÅL", "AL", "US", "us", "CA", "BR", "日本", "X'");
  private static final List<String> TENANTS =
      List.of("acme", "ACME", "acme ", "Zoë", "Zoe", "zoë", "other", "日本", "'", "t1", "t2", "t3");

  private final Random random;
  private final Map<String, Column> columns = new LinkedHashMap<>();
  private final List<Map<String, Object>> rows = new ArrayList<>();

  /** A column, its SQL type and what its values are. */
  private record Column(KeyColumn key, String sqlType, Supplier<Object> values) {}

  KeyTable(long seed, int size, boolean withUuidType) {
    random = new Random(seed);
    add("i", KeyType.INTEGER, "BIGINT", this::signed);
    add("s", KeyType.INTEGER, "SMALLINT", () -> (long) (short) random.nextInt());
    add("u", KeyType.INTEGER, "BIGINT UNSIGNED", this::unsigned);
    add("z", KeyType.INTEGER, "INT(10) UNSIGNED ZEROFILL", () -> (long) random.nextInt(100_000));
    add("t", KeyType.TEXT, "VARCHAR(255) COLLATE utf8mb4_bin", () -> text(0));
    add("ci", KeyType.TEXT, "VARCHAR(255) COLLATE utf8mb4_general_ci", () -> text(1));
    add("l1", KeyType.TEXT, "VARCHAR(100) CHARACTER SET latin1", this::latin1);
    add("uuid", KeyType.UUID, "CHAR(36)", this::uuid);
    add("b16", KeyType.BINARY, "BINARY(16)", () -> bytes(16));
    add("vb", KeyType.BINARY, "VARBINARY(40)", () -> bytes(1 + random.nextInt(40)));
    add("d", KeyType.DATE, "DATE", this::date);
    add("dt", KeyType.DATETIME, "DATETIME(6)", this::dateTime);
    add("dt0", KeyType.DATETIME, "DATETIME", () -> dateTime().truncatedTo(ChronoUnit.SECONDS));
    add("ts", KeyType.INSTANT, "TIMESTAMP(6) NULL", this::timestamp);
    add("ins", KeyType.INSTANT, "DATETIME(6)", () -> dateTime().toInstant(ZoneOffset.UTC));
    add("country", KeyType.TEXT, "VARCHAR(20) COLLATE utf8mb4_bin", () -> pick(COUNTRIES));
    add("tenant", KeyType.TEXT, "VARCHAR(20) COLLATE utf8mb4_general_ci", () -> pick(TENANTS));
    add("te`nant id", KeyType.INTEGER, "INT", () -> (long) random.nextInt(20) - 5);
    if (withUuidType) {
      add("uid", KeyType.UUID, "UUID", this::randomUuid);
    }
    for (int i = 0; i < size; i++) {
      Map<String, Object> row = new LinkedHashMap<>();
      columns.forEach((name, column) -> row.put(name, column.values().get()));
      rows.add(row);
    }
  }

  private void add(String name, KeyType type, String sqlType, Supplier<Object> values) {
    columns.put(name, new Column(new KeyColumn(name, type), sqlType, values));
  }

  int size() {
    return rows.size();
  }

  boolean has(String column) {
    return columns.containsKey(column);
  }

  List<KeyColumn> columns(String... names) {
    return Arrays.stream(names).map(name -> column(name).key()).toList();
  }

  /** The key that some columns of a row are. */
  ShardKey key(int row, String... names) {
    return ShardKey.of(Arrays.stream(names).map(rows.get(row)::get).toArray());
  }

  String create() {
    StringBuilder sql = new StringBuilder("CREATE TABLE key_table (n INT PRIMARY KEY");
    columns
        .values()
        .forEach(
            column ->
                sql.append(", ")
                    .append(KeySql.name(column.key()))
                    .append(' ')
                    .append(column.sqlType()));
    return sql.append(") CHARACTER SET utf8mb4").toString();
  }

  String insert(int count) {
    String row = ", (?" + ", ?".repeat(columns.size()) + ")";
    return "INSERT INTO key_table VALUES " + row.repeat(count).substring(2);
  }

  /** A row's values as they are bound, with its number before them. */
  List<Object> binds(int row) {
    List<Object> binds = new ArrayList<>();
    binds.add(row);
    rows.get(row).values().forEach(value -> binds.add(bind(value)));
    return binds;
  }

  /** Dates and times as text, so that no driver turns them by a time zone. */
  private static Object bind(Object value) {
    return value instanceof String
            || value instanceof Long
            || value instanceof BigInteger
            || value instanceof byte[]
        ? value
        : ShardKey.of(value).text(0);
  }

  private Column column(String name) {
    return Objects.requireNonNull(columns.get(name), name);
  }

  private Object signed() {
    return switch (random.nextInt(8)) {
      case 0 -> Long.MIN_VALUE + random.nextInt(3);
      case 1 -> Long.MAX_VALUE - random.nextInt(3);
      case 2 -> random.nextLong();
      case 3 -> (long) random.nextInt();
      default -> (long) random.nextInt(4000) - 2000;
    };
  }

  private Object unsigned() {
    BigInteger any =
        switch (random.nextInt(4)) {
          case 0 -> new BigInteger(64, random);
          case 1 -> BigInteger.ONE.shiftLeft(63).add(BigInteger.valueOf(random.nextInt(9) - 4));
          case 2 ->
              BigInteger.ONE.shiftLeft(64).subtract(BigInteger.valueOf(1L + random.nextInt(9)));
          default -> BigInteger.valueOf(random.nextInt(4000));
        };
    return ShardKey.of(any).part(0);
  }

  private String text(int min) {
    StringBuilder text = new StringBuilder();
    int words = min + random.nextInt(4);
    for (int i = 0; i < words; i++) {
      text.append(random.nextInt(4) == 0 ? random.nextInt(1000) : pick(WORDS));
    }
    return text.toString();
  }

  private Object latin1() {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(6); i >= 0; i--) {
      text.append(
          (char) (random.nextBoolean() ? ' ' + random.nextInt(95) : 0xA0 + random.nextInt(96)));
    }
    return text.toString();
  }

  /** Often with zeros at the end, with few different values, or with any. */
  private byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    switch (random.nextInt(4)) {
      case 0 -> bytes[0] = (byte) random.nextInt(256);
      case 1 -> bytes[length - 1] = (byte) random.nextInt(3);
      case 2 -> Arrays.fill(bytes, (byte) (random.nextBoolean() ? ' ' : 0xFF));
      default -> random.nextBytes(bytes);
    }
    return bytes;
  }

  private Object uuid() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /** Of version 4: MariaDB's type refuses UUIDs of no known version. */
  private Object randomUuid() {
    long high = (random.nextLong() & ~0xF000L) | 0x4000L;
    long low = (random.nextLong() & (-1L >>> 2)) | (1L << 63);
    return new UUID(high, low);
  }

  private LocalDate date() {
    return switch (random.nextInt(8)) {
      case 0 -> YEAR_1000.plusDays(random.nextInt(9));
      case 1 -> LAST_DAY.minusDays(random.nextInt(9));
      case 2 -> LocalDate.EPOCH.plusDays(random.nextInt(21) - 10);
      case 3 -> YEAR_1000.plusDays(random.nextInt(3_287_000));
      default -> LocalDate.of(2020, 1, 1).plusDays(random.nextInt(2000));
    };
  }

  private LocalDateTime dateTime() {
    long micros =
        switch (random.nextInt(4)) {
          case 0 -> 0;
          case 1 -> MICROS_PER_DAY - 1;
          case 2 -> random.nextInt(86_400) * 1_000_000L;
          default -> (long) (random.nextDouble() * MICROS_PER_DAY);
        };
    return date().atStartOfDay().plus(micros, ChronoUnit.MICROS);
  }

  /** Within the years of a TIMESTAMP column, half of them near one day. */
  private Object timestamp() {
    long micros = (long) (random.nextDouble() * Integer.MAX_VALUE * 1_000_000);
    return random.nextBoolean()
        ? Instant.EPOCH.plusSeconds(1).plus(micros, ChronoUnit.MICROS)
        : Instant.parse("2022-01-20T00:00:00Z").plus(micros / 1000, ChronoUnit.MICROS);
  }

  private String pick(List<String> texts) {
    return texts.get(random.nextInt(texts.size()));
  }
}
