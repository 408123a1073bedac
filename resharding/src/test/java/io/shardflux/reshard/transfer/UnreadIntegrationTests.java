package io.shardflux.reshard.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.transfer.Capture.Changes;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Changes are read and forgotten beside writers that have noted theirs and not committed them. */
class UnreadIntegrationTests {

  private static final Duration BOUND = Duration.ofMinutes(1);
  private static final ShardId ONE = ShardId.of("one");
  private static final Owned OWNED = new Owned(1, 1);

  @Test
  void aChangeThatIsCommittedLateIsReadAndIsInNobodysWay() {
    Database database = TestServers.shared().freshDatabases("unread").get(0);
    Servers servers = new Servers(List.of(Shard.of("one", database.r2dbcUrl())), 4);
    servers
        .on(ONE, mover -> servers.on(ONE, writer -> late(mover, writer)).then())
        .blockLast(BOUND);
    servers.close().block(BOUND);
  }

  private static Mono<Boolean> late(Session mover, Session writer) {
    return Flux.just(
            "CREATE TABLE users (id BIGINT PRIMARY KEY)",
            "CREATE TABLE shardflux_owner (job BIGINT PRIMARY KEY, token BIGINT)",
            "INSERT INTO shardflux_owner VALUES (1, 1)",
            "CREATE TABLE shardflux_change_1_0_0 (shardflux_seq BIGINT AUTO_INCREMENT PRIMARY KEY,"
                + " id BIGINT)",
            "INSERT INTO shardflux_change_1_0_0 VALUES (1, 10), (2, 20), (3, 30), (5, 50), (6, 60),"
                + " (7, 10)")
        .concatMap(mover::update)
        .thenMany(
            Flux.just(
                "START TRANSACTION", "INSERT INTO shardflux_change_1_0_0 VALUES (4, 40), (8, 80)"))
        .concatMap(writer::update)
        .then(MovedTable.read(mover, "users", List.of(KeyColumn.integer("id"))))
        .flatMap(table -> late(mover, writer, new Capture(1, 0, table, 0, "TRUE")))
        .thenReturn(true);
  }

  private static Mono<Void> late(Session mover, Session writer, Capture capture) {
    Unread unread = new Unread(capture, mover, "FALSE");
    return unread
        .next(4)
        .doOnNext(read -> assertThat(read.numbers()).containsExactly(1L, 2L, 3L, 5L))
        .then(unread.next(4))
        .doOnNext(read -> assertThat(read.numbers()).containsExactly(6L, 7L))
        .then(unread.next(4))
        .doOnNext(read -> assertThat(read.numbers()).isEmpty())
        .then(capture.oldest(mover, "TRUE", "id > 20", 10))
        .doOnNext(read -> assertThat(read.keys()).containsExactly(List.of("10"), List.of("20")))
        .doOnNext(read -> assertThat(read.numbers()).containsExactly(1L, 2L, 3L, 5L, 6L, 7L))
        .then(mover.update("SET innodb_lock_wait_timeout = 1"))
        .then(capture.oldest(mover, 10))
        .flatMap(
            read ->
                // Its last row is followed by one that is not committed.
                failing(mover, read).then(capture.forget(mover, OWNED, read)))
        .doOnNext(forgotten -> assertThat(forgotten).isEqualTo(6))
        .then(writer.update("COMMIT"))
        .then(unread.next(4))
        .doOnNext(read -> assertThat(read.numbers()).containsExactly(4L, 8L))
        .then();
  }

  /** The guard: a range that ends with the last change waits for the writer. */
  private static Mono<Void> failing(Session mover, Changes read) {
    String range =
        "DELETE FROM shardflux_change_1_0_0 WHERE shardflux_seq BETWEEN 5 AND " + read.last();
    return mover
        .update(range)
        .materialize()
        .doOnNext(
            end ->
                assertThat(end.getThrowable())
                    .isInstanceOfSatisfying(
                        R2dbcException.class,
                        error -> assertThat(error.getErrorCode()).isEqualTo(1205)))
        .then();
  }

  @Test
  void changesAreForgottenByRanges() {
    List<List<String>> none = List.of();
    assertThat(new Changes(List.of(1L, 2L, 3L, 5L, 7L, 8L), none).conditions())
        .containsExactly(
            "shardflux_seq BETWEEN 1 AND 2 OR shardflux_seq BETWEEN 7 AND 7"
                + " OR shardflux_seq IN (3, 5, 8)");
    assertThat(new Changes(List.of(4L), none).conditions()).containsExactly("shardflux_seq IN (4)");
    List<Long> odd = LongStream.range(0, 1_801).map(i -> 2 * i).boxed().toList();
    assertThat(new Changes(odd, none).conditions())
        .hasSize(3)
        .last()
        .isEqualTo("shardflux_seq IN (3600)");
  }
}
