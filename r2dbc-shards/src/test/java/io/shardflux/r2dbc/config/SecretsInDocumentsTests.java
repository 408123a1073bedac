package io.shardflux.r2dbc.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.shardflux.r2dbc.ShardRouter;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A document that is wrong anywhere shows no piece of a password, whichever way it got there. */
class SecretsInDocumentsTests {

  private static final String GOOD = "r2dbc:mysql://app@127.0.0.1:3306/a";

  /** What stands for a server's map, by what was mistyped; {@code %s} is the password. */
  private static final List<String> SERVERS =
      List.of(
          "{url: \"r2dbc:mysql://h/d\", username: app, password:\"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password:%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password=%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password=\"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password %s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password, %s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, Password:%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, pasword:%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, pasword: %s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, pwd=%s}",
          "{url: \"r2dbc:mysql://h/d\", username: app, \"password: %s\"}",
          "{url: \"r2dbc:mysql://h/d\", username: app, \"password: %s\": }",
          "{url: \"r2dbc:mysql://h/d\", username: app, \"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", username: app, \"%s\": }",
          "{url: \"r2dbc:mysql://h/d\", username: app, password: {\"%s\": }}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password: {\"%s\": x}}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password: [\"%s\"]}",
          "{url: \"r2dbc:mysql://h/d\", password: \"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", credentials: \"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", credentials: {\"%s\": x}}",
          "{url: \"r2dbc:mysql://h/d\", username: app, credentials: \"%s\"}",
          "{url: \"r2dbc:mysql://app:%s@h/d\", credentials: eu}",
          "{url: \"r2dbc:mysql://h/d\", username: app, credentials:%s}",
          "{url: \"r2dbc:mysql://h/\", username: app, password: \"%s\"}",
          "{url: \"r2dbc:mysql://h/d\", username: app, password: \"%s\", pool: {size: 1}}",
          "{url: \"r2dbc:mysql://h/d?nope=1\", username: app, password: \"%s\"}",
          "{url: \"r2dbc:mysql://h/d?sslKeyPassword=x&%s=1\", username: app}",
          "{url: \"r2dbc:mysql://h/d?sslKeyPassword=x&%s\", username: app}",
          "{url: \"r2dbc:mysql://app:%s@h\"}",
          "{url: \"r2dbc:mysql://app:%s@h/\"}",
          "{url: \"r2dbc:mysql://app:%s/@h/d\"}",
          "{url: \"r2dbc:mysql://app:1/2?%s=2@h/d\", username: app}",
          "{url: \"r2dbc:mysql://app:%s@h:port/d\"}",
          "{url: \"r2dbc:mysql://app:%s@h_1/d\"}",
          "{url: \"r2dbc:mysql://app:%s@h/d?ssl=x&nope=y\"}",
          "{url: \"r2dbc:nodb://app:%s@h/d\"}",
          "{url: \"r2dbc:mysql://h/d\", url=%s: x}",
          "{url:\"r2dbc:mysql://app:%s@h/d\"}",
          "{\"r2dbc:mysql:app:%s@h/d\"}",
          "{url: {\"r2dbc:mysql:app:%s@h/d\": x}}",
          "\"app:%s@h/d\"",
          "[\"password: %s\"]",
          "password:%s",
          "password=%s");

  /** Where a server's map may stand. */
  private static final Map<String, String> PLACES =
      new LinkedHashMap<>(
          Map.of(
              "shards: {s0: %s}",
              "a shard",
              "shards: {s0: {url: \"" + GOOD + "\", replicas: [%s]}}",
              "a replica",
              "shards: {s0: {url: \"" + GOOD + "\"}}\nids: {server: %s}",
              "ids",
              "shards: {s0: {url: \""
                  + GOOD
                  + "\"}}\nstrategies: {d: {type: directory, shards: [s0], server: %s}}",
              "a directory",
              "shards: {s0: {url: \"" + GOOD + "\"}}\ncontrol: %s",
              "control",
              "shards: {s0: {url: \"" + GOOD + "\"}}\ncontrol: {credentials: {eu: %s}}",
              "an account"));

  /** Where no server stands, and a password may by mistake. */
  private static final List<String> ELSEWHERE =
      List.of(
          "password:%s",
          "password=%s",
          "\"password: %s\": x",
          "password: %s",
          "pool: {max-size: 7, password:%s}",
          "pool: {max-size: \"password: %s\"}",
          "pool: \"password=%s\"",
          "pool: {max-size: \"app:%s@h\"}",
          "timeouts: {\"password:%s\": 1s}",
          "timeouts: {total: \"password=%s\"}",
          "breaker: [\"%s\"]",
          "reads: {preference: \"app:%s@h\"}",
          "sql: {allow-scatter: \"password %s\"}",
          "row-counts: {password=%s}",
          "hot-keys: \"password: %s\"",
          "slow-statement: \"app:%s@h\"",
          "shards: {\"password: %s\": {url: \"" + GOOD + "\"}}",
          "shards: {\"app:%s@h\": {url: \"" + GOOD + "\"}}",
          "shards: {password:%s}",
          "shards: {password=%s}",
          "shards: [\"%s\"]",
          "strategies: {a: {type: fixed, shard: \"app:%s@h\"}}",
          "strategies: {a: {type: fixed, shard: s0, password:%s}}",
          "strategies: {a: {type: \"password: %s\"}}",
          "strategies: {a: {type: composite, groups: \"app:%s@h\", inside: {}}}",
          "strategies: {a: {type: tenant, key: integer, tenants: {\"password:%s\": x}}}",
          "strategies: {a: {type: time, period: day, listed: {\"password:%s\": s0}}}",
          "strategies: {a: {type: consistent, weights: {\"password:%s\": 1}}}",
          "tables: {t: {key: {id: \"password: %s\"}, strategy: x}}",
          "tables: {t: {key: {id: integer}, strategy: \"password: %s\"}}",
          "tables: {t: {pinned: \"app:%s@h\"}}",
          "tables: {t: {password:%s}}",
          "control: {password:%s}",
          "control: {cluster: \"password: %s\"}",
          "control: {cluster: \"app:%s@h\"}",
          "control: {poll: \"password: %s\"}",
          "control: {publish: \"app:%s@h\"}",
          "control: {credentials: {\"password: %s\": {username: x}}}",
          "control: {credentials: {\"app:%s@h\": {username: x}}}",
          "control: {credentials: {password:%s}}",
          "control: {credentials: \"password: %s\"}",
          "ids: {password:%s}",
          "ids: {shard: \"password: %s\"}",
          "ids: {table: \"password: %s\", shard: s0}");

  static Stream<String> documents() {
    List<String> documents = new ArrayList<>();
    for (String place : PLACES.keySet()) {
      SERVERS.forEach(server -> documents.add(place.formatted(server)));
    }
    for (String text : ELSEWHERE) {
      documents.add(
          text.startsWith("shards") ? text : "shards: {s0: {url: \"" + GOOD + "\"}}\n" + text);
    }
    return documents.stream();
  }

  @ParameterizedTest
  @MethodSource("documents")
  void noPlaceShowsAPassword(String document) {
    for (String secret :
        List.of("Zq7hunter", "Zq7:hunt=er", "Zq7 hunter", "Zq7.hunter-2", "Zq7@h")) {
      String yaml = document.replace("%s", secret);
      Throwable error = catchThrowable(() -> close(() -> ShardRouter.fromYaml(yaml)));
      if (error != null) {
        assertThat(error).isInstanceOf(IllegalArgumentException.class);
        StringWriter trace = new StringWriter();
        error.printStackTrace(new PrintWriter(trace));
        assertThat(trace.toString()).as(yaml).doesNotContain("Zq7", "hunter");
      }
    }
  }

  private static void close(Supplier<ShardRouter> router) {
    router.get().close().subscribe();
  }

  @ParameterizedTest
  @ValueSource(strings = {"password:\"s3cr3t\"", "password=s3cr3t", "password:s3cr3t"})
  void aKeyWithoutItsSpaceIsNamedUpToThere(String mistyped) {
    String yaml = "shards: {s0: {url: \"" + GOOD + "\", username: app, " + mistyped + "}}";
    assertThat(catchThrowable(() -> ShardRouter.fromYaml(yaml)))
        .hasMessage(
            "shards.s0.password…: unknown (expected: one of url, username, password, credentials,"
                + " pool, replicas, with ': ' behind it)");
  }
}
