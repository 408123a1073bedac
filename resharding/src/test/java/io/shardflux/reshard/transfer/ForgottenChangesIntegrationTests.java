package io.shardflux.reshard.transfer;

import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Changes that were applied are forgotten, whatever writers add meanwhile. */
class ForgottenChangesIntegrationTests {

  private static final Duration BOUND = Duration.ofMinutes(1);

  /** A lock is waited for longer. */
  private static final Duration SOON = Duration.ofSeconds(10);

  private static final ShardId ONE = ShardId.of("one");
  private static final Owned OWNER = new Owned(11, 1);
  private static final int CHANGES = 10_000;

  /** So many, with gaps, that a scan of the whole table is cheaper. */
  private static final int APPLIED = 3_000;

  @Test
  void noChangeThatIsNotCommittedIsWaitedFor() {
    Database database = TestServers.shared().freshDatabases("forgotten").get(0);
    Servers servers = new Servers(List.of(Shard.of("one", database.r2dbcUrl())), 4);
    Mono<Long> forgotten =
        servers
            .on(
                ONE,
                ONE,
                (mover, writer) ->
                    mover
                        .update("CREATE TABLE users (id BIGINT PRIMARY KEY)")
                        .then(Capture.prepare(mover, OWNER))
                        .then(MovedTable.read(mover, "users", List.of(KeyColumn.integer("id"))))
                        .map(table -> new Capture(OWNER.job(), 0, table, 0, "TRUE"))
                        .flatMap(capture -> forgotten(capture, mover, writer)))
            .single();
    StepVerifier.create(forgotten).expectNext((long) APPLIED).expectComplete().verify(BOUND);
    servers.close().block(BOUND);
  }

  private static Mono<Long> forgotten(Capture capture, Session mover, Session writer) {
    String into = "INSERT INTO " + capture.changes() + " VALUES ";
    String some =
        IntStream.rangeClosed(1, CHANGES)
            .filter(number -> number % 2 != 0)
            .mapToObj(number -> "(" + number + ", 1)")
            .collect(Collectors.joining(", "));
    return mover
        .update(
            "CREATE TABLE "
                + capture.changes()
                + " (shardflux_seq BIGINT AUTO_INCREMENT PRIMARY KEY, id BIGINT)")
        .then(mover.update(into + some))
        .then(mover.rows("ANALYZE TABLE " + capture.changes(), row -> 1).then())
        .then(writer.update("START TRANSACTION"))
        .then(writer.update(into + "(" + 2 * CHANGES + ", 1)"))
        .then(capture.oldest(mover, APPLIED))
        .flatMap(applied -> capture.forget(mover, OWNER, applied).timeout(SOON))
        .flatMap(rows -> writer.update("ROLLBACK").thenReturn(rows));
  }
}
