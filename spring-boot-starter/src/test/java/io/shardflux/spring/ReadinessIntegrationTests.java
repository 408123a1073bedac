package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.test.web.reactive.server.WebTestClient;

/** The first request of a probe is told of a shard that can't be used. */
@ExtendWith(OutputCaptureExtension.class)
@Tag("same-on-any-server")
class ReadinessIntegrationTests {

  private static final String[] PROBED = {
    "management.endpoints.web.exposure.include=health",
    "management.endpoint.health.show-details=always",
    "management.endpoint.health.group.readiness.include=readinessState,shards",
    "spring.reactor.netty.shutdown-quiet-period=0s",
    "shardflux.pool.connect-timeout=300ms"
  };

  private final List<Database> databases = TestServers.shared().freshDatabases("readiness");

  @Test
  void isUpWhereEachShardLetsTheRouterIn() {
    try (WebApplication application =
        WebApplication.on(List.of(databases.get(0).r2dbcUrl()), PROBED)) {
      told(application, "readiness", 200, "UP");
    }
  }

  @Test
  void isNotUpWhileAShardRefusesThePassword(CapturedOutput output) {
    Database refusing = databases.get(1);
    String refused =
        "r2dbc:mysql://root:wrong-word@" + refusing.server().address() + "/" + refusing.name();
    try (WebApplication application =
        WebApplication.on(List.of(databases.get(0).r2dbcUrl(), refused), PROBED)) {
      shown(told(application, "readiness", 200, "DEGRADED"), "shard_0", "ACTIVE");
      shown(told(application, "readiness", 200, "DEGRADED"), "shard_1", "DOWN");
      told(application, "liveness", 200, "UP");
    }
    try (WebApplication application = WebApplication.on(List.of(refused), PROBED)) {
      shown(told(application, "readiness", 503, "DOWN"), "shard_0", "DOWN");
      told(application, "liveness", 200, "UP");
    }
    assertThat(output).contains("shard_1 is DOWN, was ACTIVE").doesNotContain("wrong-word");
  }

  /** A server that accepts and never answers is known only when its first connection is late. */
  @Test
  void waitsUntilTheFirstConnectionHasFailed() throws IOException {
    try (ServerSocket hung = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        WebApplication application =
            WebApplication.on(
                List.of(
                    databases.get(0).r2dbcUrl(),
                    "r2dbc:mysql://root@127.0.0.1:" + hung.getLocalPort() + "/a"),
                PROBED)) {
      shown(told(application, "readiness", 200, "DEGRADED"), "shard_1", "DOWN");
    }
  }

  private static WebTestClient.BodyContentSpec told(
      WebApplication application, String probe, int code, String status) {
    return application
        .client()
        .get()
        .uri("/actuator/health/" + probe)
        .exchange()
        .expectStatus()
        .isEqualTo(code)
        .expectBody()
        .jsonPath("$.status")
        .isEqualTo(status);
  }

  private static void shown(WebTestClient.BodyContentSpec body, String shard, String status) {
    body.jsonPath("$.components.shards.details." + shard).isEqualTo(status);
  }
}
