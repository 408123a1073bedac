package io.shardflux.reshard;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.Jobs.Job;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.util.retry.Retry;

/** Routers in JVMs of their own on three shards, and what their writers were told. */
final class ProcessesFixture implements AutoCloseable {

  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  static final int KILLS = Integer.getInteger("moves.kills", 1);

  /** The guard that a control leaves out: {@code fence}, {@code token} or {@code look}. */
  static final String WITHOUT = System.getProperty("moves.without", "");

  /** The strategies among which the keys move; the first is that of the document. */
  static final List<ShardingStrategy> STRATEGIES =
      KILLS <= 2
          ? List.of(ShardingStrategy.fixed(S0), ShardingStrategy.fixed(S1))
          : List.of(
              ShardingStrategy.fixed(S0),
              ShardingStrategy.hash(List.of(S0, S1, S2)),
              ShardingStrategy.modulo(List.of(S2, S0)),
              ShardingStrategy.hash(List.of(S1, S2, S0)));

  private final List<Database> databases = TestServers.shared().freshDatabases("processes");
  private final Path document;
  private final ClusterRouter cluster;
  private final List<Child> children = new ArrayList<>();
  final Ledger told = new Ledger();

  ProcessesFixture() throws IOException {
    String shards =
        IntStream.range(0, 3)
            .mapToObj(i -> "  shard_" + i + ": {url: '" + databases.get(i).r2dbcUrl() + "'}\n")
            .collect(Collectors.joining());
    String text =
        "shards:\n"
            + shards
            + """
            strategies:
              by_user: {type: fixed, shard: shard_0}
              by_counter: {type: modulo, shards: [shard_0, shard_1, shard_2]}
            tables:
              counters: {key: {id: integer}, strategy: by_counter}
              users: {key: {id: integer}, strategy: by_user}
              orders: {key: {user_id: integer}, strategy: by_user}
            timeouts: {acquire: 2s}
            control:
              create-tables: true
              poll: 100ms
              lease: 1s
            """;
    document = Files.createTempFile("processes", ".yaml");
    Files.writeString(document, text);
    cluster = ClusterRouter.open(text).blockOptional(CopyFixture.BOUND).orElseThrow();
    Ledger.create(cluster.router());
    Ledger.load(cluster.router(), STRATEGIES.get(0));
    if (WITHOUT.equals("token")) {
      // Each owner has the token of the one before.
      cluster
          .router()
          .on(S0)
          .sql(
              "CREATE TRIGGER no_token BEFORE UPDATE ON shardflux_job FOR EACH ROW SET NEW.token ="
                  + " OLD.token")
          .rowsUpdated()
          .block(CopyFixture.BOUND);
    }
  }

  Child child(String... arguments) {
    Child child = new Child(arguments);
    children.add(child);
    return child;
  }

  Job job(long job) {
    return ClusterAccess.of(cluster)
        .jobs()
        .get(job)
        // A machine that is busy with many processes may be late for a connection.
        .retryWhen(Retry.fixedDelay(5, Duration.ofSeconds(1)))
        .blockOptional(CopyFixture.BOUND)
        .orElseThrow();
  }

  /** A child process of {@link RouterProcess}. */
  final class Child {

    /** The time in which a process that stood still meets what has become of its connections. */
    private static final Duration AWAKENING = Duration.ofSeconds(3);

    final Process process;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private volatile @Nullable String dying;
    private volatile long stoppedAt;
    private volatile long awakeAt;

    private Child(String... arguments) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx160m",
                  "-Dmoves.kills=" + KILLS,
                  "-Dmoves.without=" + WITHOUT,
                  "-XX:TieredStopAtLevel=1",
                  "-XX:+UseSerialGC",
                  "-cp",
                  System.getProperty("java.class.path"),
                  RouterProcess.class.getName(),
                  document.toString()));
      command.addAll(List.of(arguments));
      try {
        process =
            new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      Thread reader =
          new Thread(() -> listen(process.inputReader(UTF_8)), "output of " + process.pid());
      reader.setDaemon(true);
      reader.start();
    }

    /** Waits for a line that begins so, and gives the rest of it. */
    String awaits(String start) {
      try {
        String line = "";
        while (!line.startsWith(start)) {
          line = Objects.requireNonNull(answers.poll(60, TimeUnit.SECONDS), start);
        }
        return line.substring(start.length()).trim();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    void order(String line) {
      try {
        process.outputWriter(UTF_8).append(line).append('\n').flush();
      } catch (IOException e) {
        // It has died, as it was told.
        if (dying == null) {
          throw new UncheckedIOException(e);
        }
      }
    }

    /** The statement at which it died, or stood still; null while it has not. */
    @Nullable String dying() {
      return dying;
    }

    void stop() {
      AtStatement.signal("STOP", process.pid());
      stoppedAt = System.nanoTime();
    }

    void goOn() {
      awakeAt = System.nanoTime();
      dying = null;
      AtStatement.signal("CONT", process.pid());
    }

    private boolean isAwakening() {
      return awakeAt >= stoppedAt
          && awakeAt != 0
          && System.nanoTime() - awakeAt < AWAKENING.toNanos();
    }

    private void listen(BufferedReader output) {
      try (output) {
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          if (line.startsWith("dying ")) {
            dying = line.substring("dying ".length());
          } else if (!told.said(line, isAwakening())) {
            answers.add(line);
          }
        }
      } catch (IOException e) {
        told.wrong.add("output: " + e);
      }
    }

    void awaitExit() {
      process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
    }
  }

  /** What is wrong with the rows, where keys lie as the topology in force has them. */
  List<String> misplaced() {
    ClusterAccess.of(cluster).look().block(CopyFixture.BOUND);
    return told.misplaced(cluster.router(), cluster.router().topology().strategy("users"));
  }

  @Override
  public void close() throws IOException {
    children.forEach(child -> child.process.destroyForcibly());
    children.forEach(Child::awaitExit);
    cluster.close().block(CopyFixture.BOUND);
    Files.delete(document);
  }
}
