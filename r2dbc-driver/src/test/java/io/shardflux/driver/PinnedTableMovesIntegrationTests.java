package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Statements without a key of a pinned table that goes from the first shard to the third. */
class PinnedTableMovesIntegrationTests extends MovingUsers {

  private static final String STORE = "INSERT INTO settings (n) VALUES (1), (1)";
  private static final String ADD = "UPDATE settings SET n = n + 1";
  private static final String SUM = "SELECT SUM(n) FROM settings";

  /** What a table on one shard answers, and a sharded one does not. */
  private static final List<String> READS =
      List.of(
          SUM,
          "SELECT COUNT(*) FROM settings a, settings b",
          "SELECT n FROM settings WHERE n >= (SELECT AVG(n) FROM settings) FOR UPDATE",
          "SELECT RANK() OVER (ORDER BY id) FROM settings");

  @BeforeEach
  void create() {
    for (int shard : List.of(0, 2)) {
      at(shard, "CREATE TABLE settings (id INT AUTO_INCREMENT PRIMARY KEY, n BIGINT NOT NULL)");
    }
    pinned(IDS.get(0));
    known();
    assertThat(changed(STORE).block(BOUND)).isEqualTo(2);
  }

  private Topology.Builder next() {
    Topology.Builder builder = Topology.builder().epoch(newest.epoch() + 1);
    IDS.forEach(builder::shard);
    return builder;
  }

  private void pinned(ShardId shard) {
    newest = next().table(new TableRule.Pinned("settings", shard)).build();
  }

  private void moving(Phase phase) {
    TransitionStrategy way =
        TransitionStrategy.of(
                ShardingStrategy.fixed(IDS.get(0)),
                ShardingStrategy.fixed(IDS.get(2)),
                List.of(new Step(IDS.get(0), IDS.get(2), phase)))
            .ofWhole();
    newest =
        next()
            .strategy("meanwhile", way)
            .table(new TableRule.Sharded("settings", List.of(KeyColumn.text("id")), "meanwhile"))
            .build();
  }

  /** Takes the rows to the third shard, whose copy stands for itself from then on. */
  private void copied() {
    long sum = read(SUM).single().blockOptional(BOUND).orElseThrow();
    at(0, "DELETE FROM settings");
    at(2, "INSERT INTO settings (n) VALUES (1), (" + (sum - 1) + ")");
  }

  private List<List<Long>> answers() {
    return READS.stream().map(this::summed).toList();
  }

  @Test
  void aTableWithoutAKeyIsAnsweredInEachPhase() {
    moving(Phase.COPYING);
    known();
    assertThat(changed(ADD).block(BOUND)).isEqualTo(2);
    assertThat(changed(STORE).block(BOUND)).isEqualTo(2);
    List<List<Long>> before = answers();
    assertThat(before.get(0)).containsExactly(1L, 6L);
    moving(Phase.SWITCHING);
    known();
    assertThat(read(SUM).blockLast(BOUND)).isEqualTo(6L);
    StepVerifier.create(changed(ADD))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              copied();
              moving(Phase.SWITCHED);
              known();
            })
        .expectNext(2L)
        .expectComplete()
        .verify(BOUND);
    assertThat(read(SUM).blockLast(BOUND)).isEqualTo(8L);
    assertThat(changed(STORE).block(BOUND)).isEqualTo(2);
    pinned(IDS.get(2));
    known();
    assertThat(read(SUM).blockLast(BOUND)).isEqualTo(10L);
  }

  @Test
  void aLateWriteIsPutAgainWhereTheTableIs() {
    moving(Phase.COPYING);
    known();
    copied();
    for (String event : List.of("INSERT", "UPDATE")) {
      at(
          0,
          "CREATE TRIGGER shut_"
              + event
              + " BEFORE "
              + event
              + " ON settings FOR EACH ROW SIGNAL SQLSTATE '45S01' SET MYSQL_ERRNO = 45001,"
              + " MESSAGE_TEXT = 'shardflux: the row moves to another shard'");
    }
    moving(Phase.SWITCHED);
    // The router knows of no switch.
    assertThat(changed(STORE).block(BOUND)).isEqualTo(2);
    assertThat(read(SUM).blockLast(BOUND)).isEqualTo(4L);
  }

  @Test
  void whatFindsNothingIsPutAgain() {
    moving(Phase.COPYING);
    known();
    copied();
    moving(Phase.SWITCHED);
    control.sureFor.set(2);
    assertThat(changed(ADD).block(BOUND)).isEqualTo(2);
  }

  @Test
  void aTransactionThatIsLateIsToldSo() {
    moving(Phase.COPYING);
    known();
    Mono<Long> transaction =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(changed(connection, ADD))
                    .doOnNext(
                        count -> {
                          moving(Phase.SWITCHED);
                          control.sureFor.set(0);
                        })
                    .flatMap(count -> Mono.from(connection.commitTransaction()).thenReturn(count))
                    .onErrorResume(
                        error ->
                            Mono.from(connection.rollbackTransaction())
                                .onErrorComplete()
                                .then(Mono.error(error))),
            Connection::close);
    StepVerifier.create(transaction).expectError(TopologyChangedException.class).verify(BOUND);
  }
}
