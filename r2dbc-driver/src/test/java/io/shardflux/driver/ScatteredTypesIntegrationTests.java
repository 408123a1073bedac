package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Clob;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.ShardTarget;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Year;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

/** A merged row gives each value in each class just as the driver's own row does. */
class ScatteredTypesIntegrationTests {

  private static final String TABLE =
      "CREATE TABLE orders (user_id BIGINT PRIMARY KEY, a TINYINT, b TINYINT(1), c SMALLINT"
          + " UNSIGNED, d MEDIUMINT, e INT UNSIGNED, f BIGINT UNSIGNED, g FLOAT, h DOUBLE, i"
          + " DECIMAL(20,5), j BIT(1), k BIT(20), l DATE, m DATETIME(6), n TIMESTAMP(3) NULL, o"
          + " TIME, p YEAR, q VARCHAR(20), r TEXT, s VARBINARY(20), t BLOB, u ENUM('x','y'), v"
          + " SET('p','q'), w CHAR(3), z JSON) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

  private static final List<String> ROWS =
      List.of(
          "3, -5, 2, 65535, -8388608, 4294967295, 18446744073709551615, 1.5, -2.25e10,"
              + " 12345.67890, b'1', b'10100000000000000011', '2024-02-29',"
              + " '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789', '-25:01:02', 2024,"
              + " 'text', 'long text', x'00ff', x'0102', 'y', 'p,q', 'abc', '{\"a\": 1}'",
          "6, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'0', b'0', '1970-01-01', '1970-01-01 00:00:00',"
              + " '1970-01-02 00:00:01', '26:00:00', 1970, '', '', '', '', 'x', '', '', '[]'",
          "9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
              + " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL");

  private static final List<Class<?>> CLASSES =
      List.of(
          Object.class,
          Number.class,
          Boolean.class,
          boolean.class,
          Byte.class,
          Short.class,
          Integer.class,
          int.class,
          Long.class,
          BigInteger.class,
          Float.class,
          Double.class,
          BigDecimal.class,
          String.class,
          CharSequence.class,
          Clob.class,
          Blob.class,
          byte[].class,
          ByteBuffer.class,
          BitSet.class,
          LocalDate.class,
          LocalDateTime.class,
          LocalTime.class,
          Duration.class,
          OffsetTime.class,
          ZonedDateTime.class,
          OffsetDateTime.class,
          Instant.class,
          Year.class,
          String[].class,
          Side.class);

  enum Side {
    x,
    y
  }

  private static final String COMPUTED =
      "SELECT COALESCE(MAX(e), 0), COALESCE(AVG(h), 0), IFNULL(MAX(f), 1), COALESCE(SUM(i), 0),"
          + " AVG(c) / COUNT(*), SUM(h) + AVG(i), MAX(a) - MIN(a), MAX(a) / 4,"
          + " SUM(i) * 2, COALESCE(MAX(d), MAX(i)), MAX(k) + COUNT(*), SUM(DISTINCT a) FROM"
          + " orders";

  @Test
  void valuesAreThoseOfTheDriver() {
    assertThat(scattered("SELECT * FROM orders ORDER BY user_id")).hasSize(ROWS.size());
  }

  @Test
  void computedValuesAreThoseOfTheDriver() {
    assertThat(scattered(COMPUTED)).hasSize(1);
  }

  /** Servers give a column another type where it went through a temporary table. */
  @Test
  void valuesOfOneColumnAreOfOneClass() {
    try (DriverShards shards = new DriverShards()) {
      shards.everywhere("DROP TABLE orders");
      shards.everywhere(
          "CREATE TABLE orders (user_id BIGINT PRIMARY KEY, k BIT(20), v SET('p','q'))");
      ShardTarget other = shards.router.on(DriverShards.IDS.get(1));
      for (String change : List.of("k INT UNSIGNED", "v VARCHAR(9)")) {
        other.sql("ALTER TABLE orders MODIFY " + change).rowsUpdated().block(BOUND);
      }
      for (int i = 0; i < 2; i++) {
        shards
            .router
            .on(DriverShards.IDS.get(i))
            .sql("INSERT INTO orders VALUES (" + i + ", 66051, 'p,q')")
            .rowsUpdated()
            .block(BOUND);
      }
      List<List<String>> rows =
          shards
              .on(
                  connection ->
                      Flux.from(connection.createStatement("SELECT * FROM orders").execute())
                          .concatMap(
                              result ->
                                  result.map(
                                      (row, metadata) ->
                                          List.of(text(row.get(1)), text(row.get(2))))))
              .collectList()
              .blockOptional(BOUND)
              .orElseThrow();
      assertThat(rows).hasSize(2);
      assertThat(rows.get(0)).isEqualTo(rows.get(1));
      assertThat(rows.get(0).get(0)).isIn("Long 66051", "[1, 2, 3]");
      assertThat(rows.get(0).get(1)).isIn("String p,q", "[p, q]");
    }
  }

  /** The driver's answer for a table all of whose rows are on one shard, as that shard gives it. */
  private static List<String> scattered(String sql) {
    try (DriverShards shards = new DriverShards()) {
      shards.everywhere("DROP TABLE orders");
      shards.everywhere(TABLE);
      ROWS.forEach(
          row ->
              shards
                  .router
                  .on(DriverShards.IDS.get(0))
                  .sql("INSERT INTO orders VALUES (" + row + ")")
                  .rowsUpdated()
                  .block(BOUND));
      List<String> direct =
          shards
              .router
              .on(DriverShards.IDS.get(0))
              .sql(sql)
              .map(ScatteredTypesIntegrationTests::seen)
              .all()
              .collectList()
              .block(BOUND);
      List<String> merged =
          shards
              .on(
                  connection ->
                      Flux.from(connection.createStatement(sql).execute())
                          .concatMap(result -> result.map(ScatteredTypesIntegrationTests::seen)))
              .collectList()
              .blockOptional(BOUND)
              .orElseThrow();
      assertThat(merged).isEqualTo(direct);
      return merged;
    }
  }

  private static String seen(Row row, RowMetadata metadata) {
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < metadata.getColumnMetadatas().size(); i++) {
      var column = metadata.getColumnMetadata(i);
      seen.add(
          column.getName()
              + " "
              + column.getType().getName()
              + " "
              + column.getNullability()
              + " "
              + column.getPrecision()
              + " "
              + column.getScale()
              + " "
              + column.getJavaType());
      for (Class<?> type : CLASSES) {
        if (String.class == column.getJavaType()
            && (type == Boolean.class || type == boolean.class)) {
          // The driver parses words such as "true", which merged rows don't.
          continue;
        }
        seen.add(column.getName() + " as " + type.getSimpleName() + ": " + value(row, i, type));
      }
    }
    return String.join("\n", seen);
  }

  private static String value(Row row, int index, Class<?> type) {
    try {
      return text(row.get(index, type));
    } catch (IllegalArgumentException refused) {
      return "refused";
    } catch (RuntimeException other) {
      return other.getClass().getSimpleName();
    }
  }

  private static String text(@Nullable Object value) {
    if (value instanceof byte[] bytes) {
      return Arrays.toString(bytes);
    }
    if (value instanceof ByteBuffer buffer) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.get(bytes);
      return Arrays.toString(bytes);
    }
    if (value instanceof Object[] many) {
      return Arrays.toString(many);
    }
    if (value instanceof Clob) {
      return "a Clob";
    }
    if (value instanceof Blob) {
      return "a Blob";
    }
    return value == null ? "null" : value.getClass().getSimpleName() + " " + value;
  }
}
