package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.RETURNS_SELF;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.r2dbc.spi.IsolationLevel;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.ShardUnavailableException.Why;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** A class that takes a router can be tried without a server. */
class StubbedRouterTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId SHARD = ShardId.of("s0");
  private static final String SELECT = "SELECT name FROM users WHERE id = :id";

  /** A class of a user's over a router. */
  private static final class Names {

    private final ShardRouter router;
    private final KeyedReads<String> names;
    private final RowInserts<Long> inserts;

    Names(ShardRouter router) {
      this.router = router;
      this.names =
          router.coalesced(
              "users",
              "SELECT id, name FROM users WHERE id IN (:keys)",
              (row, metadata) -> ShardKey.of(0),
              (row, metadata) -> "");
      this.inserts =
          router.inserts(
              "users", "INSERT INTO users (id) VALUES (:id)", ShardKey::of, id -> Map.of("id", id));
    }

    Mono<String> name(long id) {
      return router
          .on("users", ShardKey.of(id))
          .sql(SELECT)
          .bind("id", id)
          .map((row, metadata) -> String.valueOf(row.get("name", String.class)))
          .one()
          .onErrorResume(ShardUnavailableException.class, gone -> Mono.just("away"))
          .defaultIfEmpty("nobody");
    }

    Mono<String> joined(long id) {
      return names.one(ShardKey.of(id)).defaultIfEmpty("nobody");
    }

    Mono<Boolean> everywhere() {
      return router
          .onAll()
          .sql("SELECT 1")
          .map((row, metadata) -> 1)
          .signals()
          .all(signal -> !(signal instanceof ShardSignal.Failed));
    }

    Mono<Void> rename(long id) {
      return router
          .on("users", ShardKey.of(id))
          .begin(IsolationLevel.READ_COMMITTED)
          .flatMap(
              transaction ->
                  transaction
                      .sql("UPDATE users SET name = '' WHERE id = :id")
                      .bind("id", id)
                      .rowsUpdated()
                      .then(transaction.commit()));
    }

    Flux<Boolean> store(Publisher<Long> ids) {
      return inserts.store(ids).map(outcome -> outcome instanceof InsertOutcome.Stored);
    }

    Mono<List<ShardId>> drained() {
      return router.operations().drain(SHARD).then(Mono.just(List.of(SHARD)));
    }
  }

  private static ShardUnavailableException away() {
    return new ShardUnavailableException(SHARD, Why.NOT_ASKED, "drained", null);
  }

  @Test
  void byHand() {
    Names names = new Names(new HandWrittenRouter(Map.of(ShardKey.of(7), "Ada")));

    StepVerifier.create(names.name(7)).expectNext("Ada").expectComplete().verify(BOUND);
    StepVerifier.create(names.name(8)).expectNext("nobody").expectComplete().verify(BOUND);
    StepVerifier.create(names.joined(7)).expectNext("Ada").expectComplete().verify(BOUND);
    StepVerifier.create(names.store(Flux.just(1L, 2L)))
        .expectNext(true, true)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void byMockito() {
    ShardRouter router = mock();
    ShardTarget target = mock();
    StatementSpec statement = mock(StatementSpec.class, RETURNS_SELF);
    StatementSpec.Rows<Object> rows = mock();
    KeyedReads<Object> reads = mock();
    RowInserts<Object> inserts = mock();
    ScatterTarget all = mock();
    ScatterSpec everywhere = mock(ScatterSpec.class, RETURNS_SELF);
    ScatterRows<Object> everyRow = mock();
    ShardTransaction transaction = mock();
    ShardOperations operations = mock();
    when(router.on(eq("users"), any(ShardKey.class))).thenReturn(target);
    when(router.coalesced(any(), any(), any(), any())).thenReturn(reads);
    when(router.inserts(any(), any(), any(), any())).thenReturn(inserts);
    when(router.onAll()).thenReturn(all);
    when(router.operations()).thenReturn(operations);
    when(target.sql(any())).thenReturn(statement);
    when(target.begin(any())).thenReturn(Mono.just(transaction));
    when(statement.map(any())).thenReturn(rows);
    when(statement.rowsUpdated()).thenReturn(Mono.just(1L));
    when(transaction.sql(anyString())).thenReturn(statement);
    when(transaction.commit()).thenReturn(Mono.empty());
    when(rows.one()).thenReturn(Mono.error(away()));
    when(reads.one(ShardKey.of(7))).thenReturn(Mono.just("Ada"));
    when(inserts.store(any())).thenReturn(Flux.just(new InsertOutcome.Refused<>(1L, away())));
    when(all.sql(any())).thenReturn(everywhere);
    when(everywhere.map(any())).thenReturn(everyRow);
    when(everyRow.signals()).thenReturn(Flux.just(new ShardSignal.Row<>(SHARD, 1)));
    when(operations.drain(SHARD)).thenReturn(Mono.empty());

    Names names = new Names(router);

    StepVerifier.create(names.name(7)).expectNext("away").expectComplete().verify(BOUND);
    StepVerifier.create(names.joined(7)).expectNext("Ada").expectComplete().verify(BOUND);
    StepVerifier.create(names.store(Flux.just(1L)))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(names.everywhere()).expectNext(true).expectComplete().verify(BOUND);
    StepVerifier.create(names.rename(7)).expectComplete().verify(BOUND);
    StepVerifier.create(names.drained()).expectNextCount(1).expectComplete().verify(BOUND);
  }

  @Test
  void aStubHasNoMeters() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();

    new ShardMeters(new HandWrittenRouter(Map.of())).bindTo(registry);

    assertThat(registry.getMeters()).isEmpty();
  }

  @Test
  void aTransactionTakesStatementsOfRoutersAlone() {
    StatementSpec stub = mock();
    Work.Target target = mock(CALLS_REAL_METHODS);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> target.moved(stub))
        .withMessageContaining("(expected: one that a router made)");
  }

  /** From the router on, whatever a method gives can be stubbed, or made without a server. */
  @Test
  void allThatARouterGivesCanBeMade() {
    Set<Class<?>> seen = new LinkedHashSet<>();
    Deque<Class<?>> open = new ArrayDeque<>(List.of(ShardRouter.class));
    while (!open.isEmpty()) {
      Class<?> type = open.pop();
      if (seen.add(type)) {
        Arrays.stream(type.getMethods())
            .filter(method -> !Modifier.isStatic(method.getModifiers()))
            .map(Method::getGenericReturnType)
            .flatMap(StubbedRouterTests::named)
            .filter(each -> each.getName().startsWith("io.shardflux."))
            .forEach(open::push);
      }
    }

    assertThat(seen).contains(ShardTarget.class, ScatterRows.class, StatementSpec.class);
    assertThat(seen).filteredOn(type -> !canBeMade(type)).isEmpty();
  }

  private static Stream<Class<?>> named(Type type) {
    if (type instanceof Class<?> each) {
      return Stream.of(each);
    }
    if (type instanceof ParameterizedType generic) {
      return Stream.concat(
          named(generic.getRawType()),
          Arrays.stream(generic.getActualTypeArguments()).flatMap(StubbedRouterTests::named));
    }
    return type instanceof WildcardType wild
        ? Arrays.stream(wild.getUpperBounds()).flatMap(StubbedRouterTests::named)
        : Stream.of();
  }

  private static boolean canBeMade(Class<?> type) {
    if (type.isSealed()) {
      return Arrays.stream(type.getPermittedSubclasses()).allMatch(StubbedRouterTests::canBeMade);
    }
    return type.isInterface()
        || type.isEnum()
        || type.isRecord()
        || Stream.of(type.getMethods())
            .anyMatch(method -> Modifier.isStatic(method.getModifiers()) && makes(method, type));
  }

  /** Itself, or what builds it. */
  private static boolean makes(Method method, Class<?> type) {
    Class<?> made = method.getReturnType();
    return type.isAssignableFrom(made)
        || Stream.of(made.getMethods())
            .anyMatch(it -> it.getName().equals("build") && it.getReturnType() == type);
  }
}
