package io.shardflux.r2dbc.insert;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.DriverText;
import io.shardflux.r2dbc.insert.InsertQueue.Batch;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.ShardKey;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class InsertQueueTests {

  private static final InsertSql SQL =
      InsertSql.of(SqlTemplate.of("INSERT INTO täble (a, b) VALUES (:a, UPPER(:b))"));

  @Property(tries = 200)
  void everyStatementIsUnderTheBoundAndEveryRowIsInOneInOrder(
      @ForAll("rows") List<InsertRow<Integer>> rows,
      @ForAll @LongRange(min = 1_024, max = 100_000) long room) {
    InsertQueue<Integer> queue = queue(rows);
    queue.takes(room);
    List<Integer> sent = new ArrayList<>();
    while (!queue.isEmpty()) {
      Batch<Integer> batch = queue.next();
      assertThat(batch.size()).isBetween(1, SQL.maxRows());
      assertThat(DriverText.bytes(SQL.render(batch.size()), values(batch)))
          .isLessThanOrEqualTo(batch.bytes());
      assertThat(batch.size() == 1 || batch.bytes() <= room).isTrue();
      batch.rows().forEach(row -> sent.add(row.row()));
      queue.stored(batch);
    }
    assertThat(sent).isEqualTo(rows.stream().map(InsertRow::row).toList());
  }

  @Property(tries = 200)
  void whatIsRefusedStandsAloneAndTheRestIsStoredInOrder(
      @ForAll @IntRange(min = 1, max = 3_000) int count,
      @ForAll @Size(max = 40) Set<@IntRange(max = 3_000) Integer> faulty) {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    List<Integer> ended = new ArrayList<>();
    Set<Integer> refused = new HashSet<>();
    for (int i = 0; i < count; i++) {
      queue.add(row(i, i, "x"));
    }
    while (!queue.isEmpty()) {
      Batch<Integer> batch = queue.next();
      List<Integer> sent = batch.rows().stream().map(InsertRow::row).toList();
      if (sent.stream().noneMatch(faulty::contains)) {
        queue.stored(batch);
        ended.addAll(sent);
      } else {
        queue.suspected(batch);
        if (sent.size() == 1) {
          refused.addAll(sent);
          ended.addAll(sent);
        }
      }
    }
    assertThat(ended).hasSize(count).isSorted().doesNotHaveDuplicates();
    faulty.removeIf(row -> row >= count);
    assertThat(refused).isEqualTo(faulty);
  }

  @Test
  void faultsAloneCostAboutAStatementEach() {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    for (int i = 0; i < 5_000; i++) {
      queue.add(row(i, i, "x"));
    }
    int statements = 0;
    for (; !queue.isEmpty(); statements++) {
      queue.suspected(queue.next());
    }
    assertThat(statements).isBetween(5_000, 5_020);
  }

  @Test
  void oneFaultCostsAFewDozenStatements() {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    for (int i = 0; i < 5_000; i++) {
      queue.add(row(i, i, "x"));
    }
    int statements = 0;
    for (; !queue.isEmpty(); statements++) {
      Batch<Integer> batch = queue.next();
      if (batch.rows().stream().anyMatch(row -> row.row() == 2_777)) {
        queue.suspected(batch);
      } else {
        queue.stored(batch);
      }
    }
    assertThat(statements).isBetween(15, 40);
  }

  @Test
  void rowsThatWereNotSentComeAgainWithinTheBoundThatWasMet() {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    for (int i = 0; i < 10; i++) {
      queue.add(row(i, i, "'".repeat(30_000)));
    }
    Batch<Integer> tooLong = queue.next();
    assertThat(tooLong.size()).isEqualTo(10);
    queue.takes(200_000);
    queue.putBack(tooLong);

    assertThat(queue.next().rows()).extracting(InsertRow::row).containsExactly(0, 1, 2);
  }

  @Test
  void aRowAboveAMebibyteGoesAlone() {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    queue.add(row(0, 0, "x"));
    queue.add(row(1, 1, "x".repeat(2 << 20)));
    queue.add(row(2, 2, "x"));

    assertThat(queue.next().rows()).extracting(InsertRow::row).containsExactly(0);
    assertThat(queue.next().rows()).extracting(InsertRow::row).containsExactly(1);
    assertThat(queue.next().rows()).extracting(InsertRow::row).containsExactly(2);
  }

  @Provide
  Arbitrary<List<InsertRow<Integer>>> rows() {
    return values()
        .list()
        .ofSize(2)
        .list()
        .ofMaxSize(60)
        .map(
            all -> {
              List<InsertRow<Integer>> rows = new ArrayList<>();
              all.forEach(pair -> rows.add(row(rows.size(), pair.get(0), pair.get(1))));
              return rows;
            });
  }

  private static Arbitrary<Object> values() {
    Arbitrary<String> text =
        Arbitraries.strings()
            .withChars("'\\\0\n\r\032\"`?:aé漢\ud83d\ude00".toCharArray())
            .ofMaxLength(5_000);
    Arbitrary<Long> seconds =
        Arbitraries.longs()
            .between(
                LocalDateTime.MIN.toEpochSecond(ZoneOffset.UTC),
                LocalDateTime.MAX.toEpochSecond(ZoneOffset.UTC));
    return Arbitraries.oneOf(
        text.map(value -> (Object) value),
        Arbitraries.bytes().array(byte[].class).ofMaxSize(2_000).map(value -> (Object) value),
        Arbitraries.bytes().array(byte[].class).ofMaxSize(2_000).map(ByteBuffer::wrap),
        Arbitraries.longs().map(value -> (Object) value),
        Arbitraries.doubles().map(value -> (Object) value),
        Arbitraries.bigIntegers().map(value -> (Object) value.pow(9)),
        Arbitraries.bigDecimals().ofScale(30).map(value -> (Object) value),
        Arbitraries.integers().map(scale -> (Object) new BigDecimal(BigInteger.TEN, scale)),
        seconds.map(
            value -> (Object) LocalDateTime.ofEpochSecond(value, 999_999_999, ZoneOffset.UTC)),
        Arbitraries.longs()
            .between(LocalDate.MIN.toEpochDay(), LocalDate.MAX.toEpochDay())
            .map(value -> (Object) LocalDate.ofEpochDay(value)),
        Arbitraries.longs()
            .between(0, LocalTime.MAX.toNanoOfDay())
            .map(value -> (Object) LocalTime.ofNanoOfDay(value)),
        Arbitraries.of(true, TimeUnit.NANOSECONDS).injectNull(0.5));
  }

  private static InsertQueue<Integer> queue(List<InsertRow<Integer>> rows) {
    InsertQueue<Integer> queue = new InsertQueue<>(SQL);
    rows.forEach(queue::add);
    return queue;
  }

  private static InsertRow<Integer> row(int number, Object a, Object b) {
    Map<String, Object> byName = new HashMap<>();
    byName.put("a", a);
    byName.put("b", b);
    // Not in a variable: compilers differ in whether its type may have null.
    return InsertRow.of(
        number, ShardKey.of(number), SQL.values(byName), SQL.bytes(SQL.values(byName)));
  }

  private static List<Object> values(Batch<Integer> batch) {
    return batch.rows().stream().flatMap(row -> Arrays.stream(row.values())).toList();
  }
}
