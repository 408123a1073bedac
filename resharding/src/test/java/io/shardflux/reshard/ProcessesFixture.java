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

/** Routers in JVMs of their own on three shards, and what their writers were told. */
final class ProcessesFixture implements AutoCloseable {

  static final Duration BOUND = MoveFixture.BOUND;
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  static final int KILLS = Integer.getInteger("moves.kills", 1);

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
  final Told told = new Told();

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
    cluster = ClusterRouter.open(text).blockOptional(BOUND).orElseThrow();
    Told.create(cluster.router());
    Told.load(cluster.router(), STRATEGIES.get(0));
  }

  Child child(String... arguments) {
    Child child = new Child(arguments);
    children.add(child);
    return child;
  }

  Job job(long job) {
    return ClusterAccess.of(cluster).jobs().get(job).blockOptional(BOUND).orElseThrow();
  }

  /** A child process of {@link RouterProcess}. */
  final class Child {

    final Process process;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    private Child(String... arguments) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx128m",
                  "-Dmoves.kills=" + KILLS,
                  "-Dmoves.without=" + System.getProperty("moves.without", ""),
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
        throw new UncheckedIOException(e);
      }
    }

    void signal(String name) {
      run("kill", "-" + name, Long.toString(process.pid()));
    }

    private void listen(BufferedReader output) {
      try (output) {
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          if (!told.said(line)) {
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

  static void run(String... command) {
    try {
      new ProcessBuilder(command)
          .inheritIO()
          .start()
          .onExit()
          .orTimeout(10, TimeUnit.SECONDS)
          .join();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<String> misplaced(ShardingStrategy strategy) {
    return told.misplaced(cluster.router(), strategy);
  }

  @Override
  public void close() throws IOException {
    children.forEach(child -> child.process.destroyForcibly());
    children.forEach(Child::awaitExit);
    cluster.close().block(BOUND);
    Files.delete(document);
  }
}
