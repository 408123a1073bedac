package io.shardflux.benchmarks;

import io.shardflux.api.ShardfluxApplication;
import io.shardflux.benchmarks.Meter.Tally;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** A web application on a free port, whose users a client in another JVM reads. */
final class WebContender extends Contender {

  private final ConfigurableApplicationContext application;
  private final String lastLine;
  private final LineClient client;

  private WebContender(ConfigurableApplicationContext application, String lastLine) {
    this.application = application;
    this.lastLine = lastLine;
    try {
      this.client = new LineClient();
    } catch (IOException e) {
      application.close();
      throw new UncheckedIOException(e);
    }
  }

  /** The module webflux-api. */
  static WebContender routed(List<Endpoint> shards) {
    return new WebContender(
        new SpringApplicationBuilder(ShardfluxApplication.class).run(settings(shards)),
        "{\"summary\":{\"asked\":3,\"answered\":3,\"failed\":[],\"rows\":%d,\"complete\":true}}");
  }

  /** A controller that gives what {@link ByHand} gives. */
  static WebContender byHand(List<Endpoint> shards) {
    return new WebContender(
        new SpringApplicationBuilder(PlainApplication.class)
            .initializers(
                context -> context.getBeanFactory().registerSingleton("byHand", new ByHand(shards)))
            .run(settings(shards)),
        "");
  }

  /** The same for both: webflux-api would start servers of its own if no shards were named. */
  private static String[] settings(List<Endpoint> shards) {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "--server.port=0",
                "--shardflux.pool.max-size=" + POOL_SIZE,
                "--shardflux.timeouts.total=5m",
                "--shardflux.strategies.by_id.type=modulo",
                "--shardflux.tables.users.strategy=by_id",
                "--shardflux.tables.users.key.id=integer"));
    for (int i = 0; i < shards.size(); i++) {
      String name = Endpoint.name(i);
      settings.add("--shardflux.shards." + name + ".url=" + shards.get(i).r2dbcUrl());
      settings.add("--shardflux.strategies.by_id.shards[" + i + "]=" + name);
    }
    return settings.toArray(String[]::new);
  }

  @Override
  Tally perform(Task task) {
    String url =
        "http://localhost:"
            + application.getEnvironment().getProperty("local.server.port")
            + "/users";
    try {
      String answer = client.read(url);
      if (!answer.startsWith(task.users() + " ")
          || !answer.endsWith(lastLine.formatted(task.users()))) {
        throw new IllegalStateException(url + ": " + answer);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Tally(task.users(), latencies());
  }

  @Override
  public void close() {
    try {
      client.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      application.close();
    }
  }
}
