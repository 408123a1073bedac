package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.ClusterState;
import io.shardflux.cluster.RouterState;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import reactor.test.StepVerifier;

/** Applications that share a topology, on real servers. */
@ExtendWith(OutputCaptureExtension.class)
@Tag("same-on-any-server")
class ClusterIntegrationTests {

  private static final String[] CONTROL = {
    "shardflux.control.create-tables=true",
    "shardflux.control.poll=100ms",
    "shardflux.control.lease=1s",
    "shardflux.timeouts.acquire=2s",
    "shardflux.strategies.by_id.type=hash",
    "shardflux.strategies.by_id.shards[0]=shard_0",
    "shardflux.strategies.by_id.shards[1]=shard_1",
    "shardflux.tables.users.strategy=by_id",
    "shardflux.tables.users.key.id=integer"
  };

  private final List<String> urls =
      TestServers.shared().freshDatabases("cluster_boot").stream().map(Database::r2dbcUrl).toList();

  @Test
  void severalApplicationsFollowOneTopology() {
    WebApplication first = WebApplication.on(urls, CONTROL);
    try (WebApplication second =
        WebApplication.on(urls, with("shardflux.resharding.enabled=false"))) {
      ClusterRouter cluster = second.context().getBean(ClusterRouter.class);
      try (first) {
        assertThat(second.router()).isSameAs(cluster.router());
        assertThat(first.context().getBeansOfType(ShardMoves.class)).hasSize(1);
        assertThat(second.context().getBeansOfType(ShardMoves.class)).isEmpty();
        assertThat(state(cluster).routers()).hasSize(2).allMatch(RouterState::live);
        StepVerifier.create(cluster.drain(ShardId.of("shard_2"), "test"))
            .expectComplete()
            .verify(WebApplication.BOUND);
        Awaitility.await()
            .atMost(WebApplication.BOUND)
            .until(() -> statuses(first.router()).contains("DRAINING"));
      }
      // It was closed in order, and so is no longer registered.
      assertThat(state(cluster).routers()).hasSize(1).allMatch(RouterState::live);
    }
  }

  private static List<String> statuses(ShardRouter router) {
    return router
        .operations()
        .statistics()
        .blockOptional(WebApplication.BOUND)
        .orElseThrow()
        .stream()
        .map(shard -> shard.status().name())
        .toList();
  }

  private static ClusterState state(ClusterRouter cluster) {
    return cluster.state().blockOptional(WebApplication.BOUND).orElseThrow();
  }

  @Test
  void saysWhyAnApplicationDoesNotFollow(CapturedOutput output) {
    assertThatThrownBy(() -> WebApplication.on(urls, "shardflux.control.poll=100ms"))
        .isInstanceOf(RuntimeException.class);
    assertThat(output)
        .contains("The setting 'shardflux.control' is wrong: no control tables")
        .contains("set control.create-tables: true to have them made");
    WebApplication.on(urls, CONTROL).close();
    assertThatThrownBy(() -> WebApplication.on(urls, "shardflux.control.poll=100ms"))
        .isInstanceOf(RuntimeException.class);
    assertThat(output)
        .contains("APPLICATION FAILED TO START")
        .contains("a document that was never published (expected: one that was");
  }

  @Configuration(proxyBeanMethods = false)
  @Import(WebApplication.Application.class)
  static class OwnCluster {

    @Bean
    ClusterRouter own(Environment environment) {
      return ClusterRouter.open(
              "shards: {mine: {url: '"
                  + environment.getRequiredProperty("mine")
                  + "'}}\ncontrol: {create-tables: true}")
          .blockOptional(WebApplication.BOUND)
          .orElseThrow();
    }
  }

  @Test
  void takesTheClusterOfTheApplicationsOwn() {
    try (WebApplication application =
        WebApplication.of(OwnCluster.class, List.of(), "mine=" + urls.get(0))) {
      ClusterRouter cluster = application.context().getBean(ClusterRouter.class);
      assertThat(application.router()).isSameAs(cluster.router());
      assertThat(application.router().topology().shards()).containsExactly(ShardId.of("mine"));
      List<MoveProgress> all =
          application
              .context()
              .getBean(ShardMoves.class)
              .all()
              .collectList()
              .block(WebApplication.BOUND);
      assertThat(all).isEmpty();
    }
  }

  private static String[] with(String... more) {
    return Stream.concat(Stream.of(CONTROL), Stream.of(more)).toArray(String[]::new);
  }
}
