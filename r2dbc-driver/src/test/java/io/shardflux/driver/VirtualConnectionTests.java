package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Parameters;
import io.r2dbc.spi.R2dbcType;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.driver.result.ChangesResult;
import io.shardflux.driver.result.ListSource;
import io.shardflux.driver.result.RowsResult;
import io.shardflux.driver.row.Column;
import io.shardflux.driver.row.Columns;
import io.shardflux.driver.row.HeldRow;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** R2DBC's demands on a connection and its objects, before any server is asked. */
class VirtualConnectionTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final Columns COLUMNS = new Columns(List.of(new Column("Name")));

  private final ShardRouter router =
      ShardRouter.builder().shard(Shard.of("shard_0", "r2dbc:mysql://app@127.0.0.1:1/a")).build();
  private final Connection connection =
      Objects.requireNonNull(ShardfluxConnectionFactory.of(router).create().block(BOUND));

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  private static TransactionDefinition at(IsolationLevel level) {
    return new TransactionDefinition() {
      @Override
      public <T> @Nullable T getAttribute(Option<T> option) {
        return option.equals(ISOLATION_LEVEL) ? option.cast(level) : null;
      }
    };
  }

  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
  private static <T> T none() {
    return null;
  }

  @Test
  void nullIsRefusedAtOnce() {
    Stream.<ThrowingCallable>of(
            () -> connection.createStatement(none()),
            () -> connection.createBatch().add(none()),
            () -> connection.beginTransaction(none()),
            () -> connection.createSavepoint(none()),
            () -> connection.createSavepoint(""),
            () -> connection.releaseSavepoint(none()),
            () -> connection.rollbackTransactionToSavepoint(none()),
            () -> connection.setTransactionIsolationLevel(none()),
            () -> connection.setLockWaitTimeout(none()),
            () -> connection.setStatementTimeout(none()),
            () -> connection.validate(none()),
            () -> connection.createStatement("SELECT 1").returnGeneratedValues("a", none()))
        .forEach(call -> assertThatIllegalArgumentException().isThrownBy(call));
  }

  @Test
  void whatNoServerKnowsIsRefusedAtOnce() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.setTransactionIsolationLevel(IsolationLevel.valueOf("NONE")))
        .withMessageStartingWith("isolation level: NONE (expected: ");
    StepVerifier.create(connection.beginTransaction(at(IsolationLevel.valueOf("NONE"))))
        .expectErrorMatches(
            error -> String.valueOf(error.getMessage()).startsWith("isolation level: NONE"))
        .verify(BOUND);
    for (Duration time : List.of(Duration.ofSeconds(-1), Duration.ofNanos(1))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> connection.setStatementTimeout(time))
          .withMessage("statement timeout: " + time + " (expected: zero, or 1 ms or more)");
      assertThatIllegalArgumentException().isThrownBy(() -> connection.setLockWaitTimeout(time));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> connection.createStatement("SELECT 1").fetchSize(-1));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> connection.createStatement("SELECT ?").bind(0, Parameters.out(R2dbcType.INTEGER)))
        .withMessageStartingWith("bind: an OUT parameter");
  }

  @Test
  void theIsolationLevelIsTheTransactionsThenTheConnections() {
    StepVerifier.create(
            Flux.concat(
                connection.setTransactionIsolationLevel(IsolationLevel.READ_COMMITTED),
                connection.beginTransaction(at(IsolationLevel.SERIALIZABLE))))
        .expectComplete()
        .verify(BOUND);
    assertThat(connection.getTransactionIsolationLevel()).isEqualTo(IsolationLevel.SERIALIZABLE);
    StepVerifier.create(connection.rollbackTransaction()).expectComplete().verify(BOUND);
    assertThat(connection.getTransactionIsolationLevel()).isEqualTo(IsolationLevel.READ_COMMITTED);
  }

  @Test
  void validationNeverFails() {
    StepVerifier.create(connection.validate(ValidationDepth.LOCAL))
        .expectNext(true)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(connection.validate(ValidationDepth.REMOTE))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
    router.close().block(BOUND);
    StepVerifier.create(connection.validate(ValidationDepth.REMOTE))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aRowIsAskedByNameAndClass() {
    HeldRow row = new HeldRow(COLUMNS, new Object[] {"x"});
    assertThat(row.get("NAME")).isEqualTo("x");
    assertThat(row.getMetadata().contains("name")).isTrue();
    Stream.<ThrowingCallable>of(
            () -> row.get(none(), String.class),
            () -> row.get("name", none()),
            () -> row.get(0, none()),
            () -> row.getMetadata().contains(none()),
            () -> row.getMetadata().getColumnMetadata((String) none()))
        .forEach(call -> assertThatIllegalArgumentException().isThrownBy(call));
  }

  // JDK 17 does not read of class files that these arrays hold nulls.
  @SuppressWarnings("NullAway")
  private static Stream<Result> results() {
    HeldRow row = new HeldRow(COLUMNS, new Object[] {"x"});
    List<Object[]> rows = List.<Object[]>of(new Object[] {"x"});
    return Stream.of(
        new RowsResult(new ListSource(COLUMNS, rows)), ChangesResult.of(1, List.of(row)));
  }

  @ParameterizedTest
  @MethodSource("results")
  void aResultIsConsumedOnce(Result result) {
    Result filtered = result.filter(segment -> segment instanceof Result.RowSegment);
    StepVerifier.create(
            filtered.flatMap(
                segment ->
                    Mono.just(String.valueOf(((Result.RowSegment) segment).row().get("name")))))
        .expectNext("x")
        .expectComplete()
        .verify(BOUND);
    Stream.<ThrowingCallable>of(
            result::getRowsUpdated,
            () -> result.map((row, metadata) -> 1),
            () -> result.map(row -> 1),
            () -> result.filter(segment -> true),
            () -> filtered.flatMap(segment -> Mono.just(1)))
        .forEach(call -> assertThatThrownBy(call).isInstanceOf(IllegalStateException.class));
  }

  @ParameterizedTest
  @MethodSource("results")
  void aResultNeedsAFunction(Result result) {
    Stream.<ThrowingCallable>of(
            () -> result.map(VirtualConnectionTests.<Mapping>none()),
            () -> result.map(VirtualConnectionTests.<ReadableMapping>none()),
            () -> result.filter(none()),
            () -> result.flatMap(VirtualConnectionTests.<SegmentMapping>none()))
        .forEach(call -> assertThatIllegalArgumentException().isThrownBy(call));
  }

  private interface Mapping extends BiFunction<Row, RowMetadata, Object> {}

  private interface ReadableMapping extends Function<Readable, Object> {}

  private interface SegmentMapping extends Function<Result.Segment, Publisher<Object>> {}
}
