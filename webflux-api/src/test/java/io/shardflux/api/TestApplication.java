package io.shardflux.api;

import io.shardflux.api.client.ClientBounds;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.servers.Database;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.io.ClassPathResource;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.publisher.Mono;

/** The application on a free port, with the configuration that a user would write. */
final class TestApplication implements AutoCloseable {

  static final Duration BOUND = Duration.ofSeconds(60);

  /** Below what a statement may take in all, so that what hangs is seen hanging. */
  private static final Duration ANSWER = Duration.ofSeconds(40);

  private final ConfigurableApplicationContext context;

  private TestApplication(ConfigurableApplicationContext context) {
    this.context = context;
  }

  /** On given databases, with an empty table of users on each. */
  static TestApplication on(List<Database> databases) throws IOException {
    return on(ClientBounds.defaults(), databases);
  }

  /** The same with other bounds, and more properties. */
  static TestApplication on(ClientBounds bounds, List<Database> databases, String... more)
      throws IOException {
    List<String> properties =
        properties(databases.stream().map(Database::r2dbcUrl).toArray(String[]::new));
    properties.addAll(List.of(more));
    TestApplication application = with(bounds, properties.toArray(String[]::new));
    String table = new ClassPathResource("users.sql").getContentAsString(StandardCharsets.UTF_8);
    application
        .router()
        .onAll()
        .sql(table)
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .then()
        .block(BOUND);
    return application;
  }

  /** On the servers of these URLs, which need not be there. */
  static TestApplication on(String... urls) {
    return on(ClientBounds.defaults(), urls);
  }

  static TestApplication on(ClientBounds bounds, String... urls) {
    return with(bounds, properties(urls).toArray(String[]::new));
  }

  private static List<String> properties(String... urls) {
    List<String> properties = new ArrayList<>(List.of("server.port=0", "shardflux.hot-keys=true"));
    for (int i = 0; i < urls.length; i++) {
      properties.add("shardflux.shards.shard_" + i + ".url=" + urls[i]);
      properties.add("shardflux.strategies.by_id.shards[" + i + "]=shard_" + i);
    }
    properties.add("shardflux.strategies.by_id.type=hash");
    properties.add("shardflux.tables.users.strategy=by_id");
    properties.add("shardflux.tables.users.key.id=integer");
    return properties;
  }

  static TestApplication with(String... properties) {
    return with(ClientBounds.defaults(), properties);
  }

  private static TestApplication with(ClientBounds bounds, String... properties) {
    return new TestApplication(
        new SpringApplicationBuilder(ShardfluxApplication.class)
            .properties(Map.of("logging.level.root", "WARN"))
            .initializers(
                context -> context.getBeanFactory().registerSingleton("clientBounds", bounds))
            .run(Arrays.stream(properties).map(one -> "--" + one).toArray(String[]::new)));
  }

  int port() {
    return Integer.parseInt(
        String.valueOf(context.getEnvironment().getProperty("local.server.port")));
  }

  ShardRouter router() {
    return context.getBean(ShardRouter.class);
  }

  WebTestClient client() {
    return WebTestClient.bindToServer()
        .baseUrl("http://localhost:" + port())
        .responseTimeout(BOUND)
        .filter(
            (request, server) ->
                server
                    .exchange(request)
                    .timeout(ANSWER, Mono.defer(() -> unanswered(request.url()))))
        .build();
  }

  /** Says what the shards do meanwhile. */
  private <T> Mono<T> unanswered(URI url) {
    return router()
        .operations()
        .statistics()
        .flatMap(shards -> Mono.error(new AssertionError(url + " is unanswered: " + shards)));
  }

  /** The number of connections in use of each shard. */
  List<Integer> acquired() {
    return router().operations().statistics().blockOptional(BOUND).orElseThrow().stream()
        .map(shard -> shard.pool().acquired())
        .toList();
  }

  /** Waits until no connection is in use. */
  void awaitIdle() {
    Awaitility.await()
        .atMost(BOUND)
        .until(
            () ->
                router().operations().statistics().blockOptional(BOUND).orElseThrow().stream()
                    .allMatch(shard -> shard.pool().acquired() == 0 && shard.load() == 0));
  }

  @Override
  public void close() {
    context.close();
  }
}
