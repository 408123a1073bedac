package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;

/** What stays where keys have moved away refuses them to clients that are no routers. */
class KeptFenceIntegrationTests {

  private static final ShardingStrategy ALL = ShardingStrategy.fixed(S0);
  private static final ShardingStrategy HALF = ShardingStrategy.modulo(List.of(S0, S1));
  private static final ShardId ONE = ShardId.of("one");

  private volatile Predicate<String> holds = what -> false;
  private MoveFixture fixture;
  private ShardMoves moves;

  /** Not with the instance, which disabled tests have, too, and nobody closes. */
  @BeforeEach
  void open() {
    fixture = new MoveFixture("{type: fixed, shard: shard_0}");
    moves =
        fixture.hasty(
            0,
            new MoveJob.Guards() {
              @Override
              public Mono<Void> before(String what) {
                return holds.test(what) ? Mono.never() : Mono.empty();
              }
            });
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  /** A key of {@link #HALF} on that shard, which no row has. */
  private static long key(ShardId shard) {
    return LongStream.iterate(1_000, id -> id + 1)
        .filter(id -> HALF.locate(ShardKey.of(id)).equals(shard))
        .findFirst()
        .orElseThrow();
  }

  private static final long MOVED = key(S1);
  private static final long STAYED = key(S0);

  @Test
  void anotherClientCanWriteNoMovedKey() {
    fixture.load(6);
    move(HALF, true);
    long there = HALF.locate(ShardKey.of(2)).equals(S0) ? 2 : 1;
    for (String sql :
        List.of(
            "INSERT INTO users VALUES (:moved, 'x', 0)",
            "INSERT IGNORE INTO users VALUES (:moved, 'x', 0)",
            "REPLACE INTO users VALUES (:stayed, 'x', 0), (:moved, 'x', 0)",
            "INSERT INTO users VALUES (:moved, 'x', 0) ON DUPLICATE KEY UPDATE version = 1",
            "INSERT INTO users SELECT :moved, 'x', 0",
            "UPDATE users SET id = :moved WHERE id = " + there,
            "INSERT INTO orders (user_id, no) VALUES (:moved, 1)")) {
      assertThat(told(0, sql.replace(":moved", "" + MOVED).replace(":stayed", "" + STAYED)))
          .as(sql)
          .startsWith("45001")
          .contains("write it by a router");
    }
    assertThat(told(0, "INSERT INTO users VALUES (" + STAYED + ", 'x', 0)")).isEqualTo("1");
    assertThat(fixture.insert(MOVED).block(BOUND)).isOne();
  }

  /** The control: nothing refuses it where no fence is kept. */
  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void withoutItAnotherClientWritesWhereNoRouterLooks() {
    move(HALF, false);
    assertThat(told(0, "INSERT INTO users VALUES (" + MOVED + ", 'x', 0)")).isEqualTo("1");
    assertThat(triggers()).isZero();
  }

  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void anAlteredTableKeepsIt() {
    move(HALF, true);
    fixture.onServer(0, "ALTER TABLE users ADD COLUMN more INT, ENGINE = InnoDB");
    fixture.onServer(0, "ALTER TABLE users MODIFY id BIGINT UNSIGNED NOT NULL");
    String insert = "INSERT INTO users (id, name, version) VALUES (";
    assertThat(told(0, insert + MOVED + ", 'x', 0)")).startsWith("45001");
    assertThat(told(0, insert + STAYED + ", 'x', 0)")).isEqualTo("1");
  }

  /** The keys are let in that it brings back, and the new source refuses them. */
  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void aLaterMoveTakesItsPlace() {
    fixture.load(20);
    move(HALF, true);
    var before = fixture.rows();
    assertThat(moves.plan("by_user", ALL).blockOptional(BOUND).orElseThrow().refusals()).isEmpty();
    move(ALL, true);
    fixture.check(before, ALL);
    assertThat(fixture.insert(MOVED).block(BOUND)).isOne();
    assertThat(told(0, "INSERT INTO users VALUES (" + (MOVED + 2) + ", 'x', 0)")).isEqualTo("1");
    assertThat(told(1, "INSERT INTO users VALUES (7777, 'x', 0)")).startsWith("45001");
    // A move that keeps none still replaces those that are there.
    move(HALF, false);
    assertThat(told(0, "INSERT INTO users VALUES (" + (MOVED + 4) + ", 'x', 0)"))
        .startsWith("45001");
    assertThat(told(1, "INSERT INTO users VALUES (" + (MOVED + 4) + ", 'x', 0)")).isEqualTo("1");
    assertThat(told(1, "INSERT INTO users VALUES (" + STAYED + ", 'x', 0)")).startsWith("45001");
    moves.unfence("by_user").block(BOUND);
    assertThat(triggers()).isZero();
    assertThat(told(1, "INSERT INTO users VALUES (" + STAYED + ", 'x', 0)")).isEqualTo("1");
  }

  /** In the switched state the keys are let in; once they left again they are refused. */
  @Test
  void aMoveThatIsTakenBackLeavesItAsItWas() {
    fixture.load(20);
    move(HALF, true);
    long job = fixture.started(moves, ALL);
    moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(BOUND);
    assertThat(fixture.insert(MOVED).block(BOUND)).isOne();
    assertThat(
            moves
                .unfence("by_user")
                .thenReturn("done")
                .onErrorResume(MoveRefusedException.class, e -> Mono.just("refused"))
                .block(BOUND))
        .isEqualTo("refused");
    moves.want(job, Wanted.REVERSE).block(BOUND);
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
    assertThat(told(0, "INSERT INTO users VALUES (" + (MOVED + 2) + ", 'x', 0)"))
        .startsWith("45001");
    assertThat(fixture.rows().get(MOVED)).singleElement().asString().startsWith("shard_1|");
  }

  static IntStream came() {
    return Boolean.getBoolean("moves.all") ? IntStream.of(0, 1, 2) : IntStream.of(1);
  }

  /** Keys of two shards come to one that refuses them; those of so many steps stay there. */
  @ParameterizedTest
  @MethodSource("came")
  void keysThatStayAreRefusedToNobody(int came) {
    fixture.load(20);
    fixture.addThirdWithTables();
    ShardingStrategy away = ShardingStrategy.modulo(List.of(S1, S2));
    move(away, true);
    assertThat(told(0, "INSERT INTO users VALUES (5000, 'x', 0)")).startsWith("45001");
    AtomicInteger opened = new AtomicInteger();
    holds =
        what -> {
          opened.addAndGet(what.equals("open") ? 1 : 0);
          return what.equals("copy") && opened.get() == came;
        };
    long job = fixture.started(moves, ALL);
    String phase = came == 2 ? "HOLD" : "COPY";
    moves
        .progress(job)
        .filter(at -> at.phase().equals(phase) && (came == 2 || at.step() == came))
        .blockFirst(BOUND);
    ended(job, Wanted.STAY, "STAYED");
    writes(5_000);
    assertThat(told(0, "INSERT INTO users VALUES (6000, 'x', 0)"))
        .startsWith(came == 0 ? "45001" : "1");
    if (came == 1) {
      holds = "copy"::equals;
      long again = fixture.started(moves, ALL);
      moves.progress(again).filter(at -> at.phase().equals("COPY")).blockFirst(BOUND);
      ended(again, Wanted.CANCEL, "REVERSED");
      writes(7_000);
    }
  }

  private void ended(long job, Wanted wanted, String phase) {
    moves.want(job, wanted).block(BOUND);
    assertThat(moves.progress(job).blockLast(BOUND))
        .extracting(MoveProgress::phase)
        .isEqualTo(phase);
  }

  /** A router writes keys of each shard. */
  private void writes(long from) {
    for (long id = from; id < from + 4; id++) {
      assertThat(fixture.insert(id).block(BOUND)).isOne();
      assertThat(fixture.update(id).block(BOUND)).isOne();
    }
  }

  private void move(ShardingStrategy next, boolean keeps) {
    MovePlan plan =
        MoveFixture.brief(moves.plan("by_user", next).blockOptional(BOUND).orElseThrow());
    long job =
        moves
            .start(plan.with(plan.options().toBuilder().keepsFence(keeps).build()))
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(Objects.requireNonNull(moves.progress(job).blockLast(BOUND)).error()).isNull();
  }

  /** The rows that another client is told to have changed, or the code and text of its error. */
  private String told(int server, String sql) {
    return Objects.requireNonNull(
        on(
            server,
            plain ->
                plain
                    .on(ONE)
                    .sql(sql)
                    .rowsUpdated()
                    .map(String::valueOf)
                    .onErrorResume(
                        R2dbcException.class,
                        error -> Mono.just(error.getErrorCode() + " " + error.getMessage()))));
  }

  private long triggers() {
    long all = 0;
    for (int server = 0; server < 2; server++) {
      all +=
          Objects.requireNonNull(
              on(
                  server,
                  plain ->
                      plain
                          .on(ONE)
                          .sql(
                              "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE"
                                  + " TRIGGER_SCHEMA = DATABASE()")
                          .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                          .one()));
    }
    return all;
  }

  private <T> T on(int server, Function<ShardRouter, Mono<T>> work) {
    ShardRouter plain =
        ShardRouter.builder()
            .shard(Shard.of("one", fixture.databases.get(server).r2dbcUrl()))
            .build();
    try {
      return work.apply(plain).blockOptional(BOUND).orElseThrow();
    } finally {
      plain.close().block(BOUND);
    }
  }
}
