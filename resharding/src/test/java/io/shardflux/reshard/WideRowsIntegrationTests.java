package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Rows of a megabyte, beside many small ones, move with little memory. */
class WideRowsIntegrationTests {

  private static final int SMALL = 20_000;

  /** As literals they have twice the bytes: with the text of a statement, more than the heap. */
  private static final int WIDE = 26;

  @Test
  void rowsOfAMegabyteMoveWithASmallHeap() throws IOException, InterruptedException {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      ShardRouter router = fixture.router(0);
      router
          .onAll()
          .sql("ALTER TABLE users ADD COLUMN big LONGBLOB")
          .rowsUpdated()
          .blockLast(BOUND);
      fill(router);
      String before = sums(router, S0);
      Path document = Files.createTempFile("wide", ".yaml");
      try {
        Files.writeString(document, fixture.document());
        Process mover =
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx64m",
                    "-XX:TieredStopAtLevel=1",
                    "-XX:+UseSerialGC",
                    "-cp",
                    System.getProperty("java.class.path"),
                    SmallMover.class.getName(),
                    document.toString())
                .inheritIO()
                .start();
        try {
          assertThat(mover.waitFor(4, TimeUnit.MINUTES)).isTrue();
          assertThat(mover.exitValue()).isZero();
        } finally {
          mover.destroyForcibly();
        }
      } finally {
        Files.delete(document);
      }
      assertThat(sums(router, S1)).isEqualTo(before);
      assertThat(sums(router, S0)).startsWith("0 ");
    }
  }

  private static void fill(ShardRouter router) {
    update(router, "INSERT INTO users VALUES (1, 'small', 0, NULL)");
    for (int made = 1; made < SMALL; made *= 2) {
      update(
          router,
          "INSERT INTO users SELECT id + "
              + made
              + ", CONCAT('u ', id), 0, NULL FROM users WHERE id <= "
              + Math.min(made, SMALL - made));
    }
    update(
        router, "UPDATE users SET big = REPEAT(UNHEX(SHA2(id, 256)), 31250) WHERE id <= " + WIDE);
  }

  private static void update(ShardRouter router, String sql) {
    router.on(S0).sql(sql).rowsUpdated().block(BOUND);
  }

  private static String sums(ShardRouter router, ShardId shard) {
    return Objects.requireNonNull(
        router
            .on(shard)
            .sql(
                "SELECT CAST(CONCAT_WS(' ', COUNT(*), COUNT(big), BIT_XOR(CRC32(CONCAT(id, name,"
                    + " COALESCE(SHA2(big, 256), ''))))) AS CHAR) FROM users")
            .map((row, metadata) -> row.get(0, String.class))
            .one()
            .block(BOUND));
  }
}
