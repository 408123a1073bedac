package io.shardflux.spring;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** A web application of a user's, on a free port. */
final class WebApplication implements AutoCloseable {

  static final Duration BOUND = Duration.ofSeconds(60);

  private final ConfigurableApplicationContext context;

  private WebApplication(ConfigurableApplicationContext context) {
    this.context = context;
  }

  @SpringBootConfiguration
  @EnableAutoConfiguration
  @Import(Slow.class)
  static class Application {}

  /** Two statements one after the other, of which the first takes its time. */
  @RestController
  static final class Slow {

    private final ShardRouter router;

    Slow(ShardRouter router) {
      this.router = router;
    }

    @GetMapping("/slow")
    Mono<String> slow() {
      return ask("SELECT CAST(SLEEP(2) AS CHAR)").then(ask("SELECT 'whole'"));
    }

    Mono<String> ask(String sql) {
      return router
          .on(ShardId.of("shard_0"))
          .sql(sql)
          .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
          .one();
    }
  }

  /** With a shard for each URL, and more properties. */
  static WebApplication on(List<String> urls, String... more) {
    return of(Application.class, urls, more);
  }

  /** The same of another application. */
  static WebApplication of(Class<?> application, List<String> urls, String... more) {
    List<String> arguments = new ArrayList<>(List.of("--server.port=0"));
    for (int i = 0; i < urls.size(); i++) {
      arguments.add("--shardflux.shards.shard_" + i + ".url=" + urls.get(i));
    }
    for (String property : more) {
      arguments.add("--" + property);
    }
    return new WebApplication(
        new SpringApplicationBuilder(application).run(arguments.toArray(String[]::new)));
  }

  ConfigurableApplicationContext context() {
    return context;
  }

  ShardRouter router() {
    return context.getBean(ShardRouter.class);
  }

  WebTestClient client() {
    return WebTestClient.bindToServer()
        .baseUrl("http://localhost:" + context.getEnvironment().getProperty("local.server.port"))
        .responseTimeout(BOUND)
        .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(-1))
        .build();
  }

  @Override
  public void close() {
    context.close();
  }
}
