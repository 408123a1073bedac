package io.shardflux.reshard;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.driver.ShardfluxConnectionFactory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A router in a JVM of its own, which a test may stop. It stores rows of a reference table, and
 * prints the number of each that was stored, until it is told to end.
 */
final class CopyWriterProcess {

  static final int FIRST = 1_000_000;

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final int AT_ONCE = 6;

  private static volatile boolean over;

  private CopyWriterProcess() {}

  public static void main(String[] arguments) throws IOException {
    ClusterRouter cluster =
        ClusterRouter.open(Files.readString(Path.of(arguments[0])))
            .blockOptional(BOUND)
            .orElseThrow();
    ConnectionFactory factory = ShardfluxConnectionFactory.of(cluster.router());
    AtomicInteger next = new AtomicInteger(FIRST);
    Mono<Void> all =
        Flux.range(0, AT_ONCE)
            .flatMap(
                writer ->
                    Mono.defer(() -> stored(factory, next.incrementAndGet()))
                        .repeat(() -> !over)
                        .then(),
                AT_ONCE)
            .then()
            .cache();
    all.subscribe();
    new BufferedReader(new InputStreamReader(System.in, UTF_8)).readLine();
    over = true;
    all.block(BOUND);
    say("ended");
    cluster.close().block(BOUND);
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }

  private static Mono<Long> stored(ConnectionFactory factory, int id) {
    String sql = "INSERT INTO countries VALUES (" + id + ", NULL, 0, 'of a process')";
    return CopyFixture.changed(factory, sql)
        .doOnNext(rows -> say("stored " + id))
        .onErrorResume(
            error -> {
              say("refused " + id + " " + error);
              return Mono.just(0L);
            });
  }
}
