package io.shardflux.r2dbc.config;

import static io.r2dbc.spi.ConnectionFactoryOptions.HOST;
import static io.r2dbc.spi.ConnectionFactoryOptions.PASSWORD;
import static io.r2dbc.spi.ConnectionFactoryOptions.USER;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.test.StepVerifier;

class ControlOptionsTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  private static final String SHARDS =
      """
      shards:
        s0: {url: "r2dbc:mysql://h0/a?sslMode=REQUIRED", username: app, password: Zq7app}
        s1: {url: "r2dbc:mysql://h1/b", credentials: eu}
        s2: {url: "r2dbc:mysql://h2/c", credentials: default}
      """;

  private static final String ACCOUNTS =
      "credentials: {eu: {username: Zq7eu, password: Zq7word}, none: {username: bare}}";

  private static ControlOptions control(String yaml) {
    return requireNonNull(RouterDocument.read(yaml).control());
  }

  private static ControlOptions control(String keys, String shards) {
    return control(shards + "control: {" + keys + (keys.isEmpty() ? "" : ", ") + ACCOUNTS + "}");
  }

  private static @Nullable Object value(Shard shard, Option<?> option) {
    return shard.options().getValue(option);
  }

  @Test
  void noRouterSharesItsTopologyUnlessItSaysSo() {
    assertThat(RouterDocument.read("shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}}").control())
        .isNull();
  }

  @Test
  void hasDefaults() {
    ControlOptions control = control("", SHARDS);
    assertThat(control.cluster()).isNull();
    assertThat(control.poll()).isEqualTo(Duration.ofSeconds(1));
    assertThat(control.lease()).isEqualTo(Duration.ofSeconds(5));
    assertThat(control.publish()).isFalse();
    assertThat(control.createsTables()).isFalse();
    assertThat(control.accounts().names()).containsExactly("eu", "none", "default");
    assertThat(control("shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}}\ncontrol:").poll())
        .isEqualTo(Duration.ofSeconds(1));
  }

  @Test
  void readsEveryKey() {
    ControlOptions control =
        control(
            "url: \"r2dbc:mysql://h9:9/z\", username: root, password: Zq7root, cluster: Shop.eu-1,"
                + " poll: 500ms, lease: 1500ms, publish: true, create-tables: true",
            SHARDS);
    assertThat(control.cluster()).isEqualTo("Shop.eu-1");
    assertThat(control.poll()).isEqualTo(Duration.ofMillis(500));
    assertThat(control.lease()).isEqualTo(Duration.ofMillis(1_500));
    assertThat(control.publish()).isTrue();
    assertThat(control.createsTables()).isTrue();
    assertThat(control.server()).hasToString("control@h9:9");
    assertThat(value(control.server(), USER)).isEqualTo("root");
    assertThat(value(control.server(), PASSWORD)).isEqualTo("Zq7root");
    assertThat(control.toString()).doesNotContain("Zq7");
    assertThat(control.accounts().get("eu"))
        .isEqualTo(new Accounts.Account("Zq7eu", "Zq7word"))
        .asString()
        .doesNotContain("Zq7");
  }

  /** The keys, and what poll and lease are. */
  @ParameterizedTest
  @CsvSource({
    "'poll: 100ms', PT0.1S, PT5S",
    "'poll: 2s', PT2S, PT6S",
    "'poll: 20s', PT20S, PT1M",
    "'lease: 1s', PT0.333333333S, PT1S",
    "'lease: 1m', PT1S, PT1M",
    "'poll: 3s, lease: 9s', PT3S, PT9S"
  })
  void anUnspecifiedTimeGivesWay(String keys, Duration poll, Duration lease) {
    ControlOptions control = control(keys, SHARDS);
    assertThat(control.poll()).isEqualTo(poll);
    assertThat(control.lease()).isEqualTo(lease);
  }

  /** The keys, and the server, user and password of the control tables. */
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "'', h0, app, Zq7app",
        "'username: root, password: x', h0, root, x",
        "'username: root', h0, root, -",
        "'password: x', h0, app, x",
        "'url: \"r2dbc:mysql://h9/z\"', h9, app, Zq7app",
        "'url: \"r2dbc:mysql://root@h9/z\"', h9, root, -",
        "'url: \"r2dbc:mysql://root:x@h9/z\"', h9, root, x",
        "'url: \"r2dbc:mysql://root:x@h9/z\", password: y', h9, root, y",
        "'url: \"r2dbc:mysql://h9/z\", username: root, password: x', h9, root, x",
        "'url: \"r2dbc:mysql://h9/z\", username: root', h9, root, -"
      })
  void theFirstShardsServerHasTheTablesUnlessItIsSaid(
      String keys, String host, String user, @Nullable String password) {
    ControlOptions control = control(keys, SHARDS);
    assertThat(value(control.server(), HOST)).isEqualTo(host);
    assertThat(value(control.server(), USER)).isEqualTo(user);
    assertThat(value(control.server(), PASSWORD)).isEqualTo(password);
    assertThat(value(control.server(), Option.valueOf("sslMode")))
        .isEqualTo(host.equals("h0") ? "REQUIRED" : null);
  }

  @ParameterizedTest
  @CsvSource({"'max-size: 30, min-idle: 9, streams: 20', 2", "'max-size: 1, min-idle: 0', 0"})
  void itsPoolIsSmall(String pool, int minIdle) {
    ControlOptions control = control("", SHARDS + "pool: {max-pending: 7, " + pool + "}\n");
    assertThat(control.server().pool())
        .isEqualTo(
            PoolOptions.builder().maxSize(2).minIdle(minIdle).streams(1).maxPending(7).build());
    assertThat(control.server().replicas()).isEmpty();
  }

  @Test
  void itNeedsAServerWhereThereAreNoShards() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RouterDocument.read("control: {publish: true}"))
        .withMessageStartingWith("control.url: missing (expected: ")
        .withMessageEndingWith(", or at least one of shards)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RouterDocument.read("control: {url: \"r2dbc:mysql://h/d\"}"))
        .withMessage("control.username: missing (expected: an account's name, here or in the URL)");
    Accounts accounts = control("control: {url: \"r2dbc:mysql://app@h/d\"}").accounts();
    assertThat(accounts.names()).isEmpty();
  }

  @Test
  void aServerMayNameItsAccount() {
    RouterDefinition definition =
        RouterDocument.read(
            SHARDS
                + """
                  s3:
                    url: "r2dbc:mysql://h3/d"
                    credentials: none
                    replicas: [{url: "r2dbc:mysql://h4/d"}, {url: "r2dbc:mysql://app:Zq7app@h5/d"}]
                ids: {server: {url: "r2dbc:mysql://h6/d", credentials: eu}}
                strategies:
                  d:
                    type: directory
                    shards: [s0]
                    server: {url: "r2dbc:mysql://h7/d", credentials: eu}
                """
                + "control: {"
                + ACCOUNTS
                + "}");
    assertThat(definition.shards())
        .extracting(shard -> value(shard, USER))
        .containsExactly("app", "Zq7eu", "app", "bare");
    assertThat(definition.shards())
        .extracting(shard -> value(shard, PASSWORD))
        .containsExactly("Zq7app", "Zq7word", "Zq7app", null);
    assertThat(definition.shards().get(3).replicas())
        .extracting(replica -> replica.getValue(USER))
        .containsExactly("bare", "app");
    assertThat(place(definition).getValue(PASSWORD)).isEqualTo("Zq7word");
    assertThat(
            RouterDocument.ids(
                    SHARDS
                        + "ids: {server: {url: \"r2dbc:mysql://h6/d\", credentials: eu}}\n"
                        + "control: {"
                        + ACCOUNTS
                        + "}")
                .server())
        .satisfies(server -> assertThat(value(server, USER)).isEqualTo("Zq7eu"));
    TopologyDocument document = TopologyDocument.of(ShardRouterBuilder.of(definition).parts());
    assertThat(document.accounts()).containsExactly("default", "eu", "none");
    assertThat(document.json()).doesNotContain("Zq7");
    close(definition.directories());
  }

  private static ConnectionFactoryOptions place(RouterDefinition definition) {
    return definition.directories().get(0).location().server();
  }

  @Test
  void theNameThatAServerSaysIsPublishedWhereTwoAccountsAreTheSame() {
    String same =
        """
        shards:
          s0: {url: "r2dbc:mysql://h0/a", username: app}
          s1: {url: "r2dbc:mysql://h1/b", credentials: eu, replicas: [{url: "r2dbc:mysql://h2/b"}]}
          s2: {url: "r2dbc:mysql://h3/b", username: app}
        control: {credentials: {eu: {username: app}, default: {username: app}}}
        """;
    String json =
        TopologyDocument.of(ShardRouterBuilder.of(RouterDocument.read(same)).parts()).json();
    assertThat(json)
        .contains(
            "\"s0\":{\"url\":\"r2dbc:mysql://h0:3306/a\",\"credentials\":\"default\"}",
            "\"s1\":{\"url\":\"r2dbc:mysql://h1:3306/b\",\"credentials\":\"eu\",\"replicas\":"
                + "[{\"url\":\"r2dbc:mysql://h2:3306/b\",\"credentials\":\"eu\"}]}",
            "\"s2\":{\"url\":\"r2dbc:mysql://h3:3306/b\",\"credentials\":\"default\"}");
  }

  @Test
  void theDefaultAccountMayBeSaid() {
    ControlOptions control =
        control(
            """
            shards: {s0: {url: "r2dbc:mysql://h0/a", credentials: default}}
            control: {credentials: {default: {username: app, password: x}}}
            """);
    assertThat(value(control.server(), USER)).isEqualTo("app");
    assertThat(control.accounts().names()).containsExactly("default");
    Accounts ofEu =
        control(
                """
                shards: {s0: {url: "r2dbc:mysql://h0/a", credentials: eu}}
                control: {credentials: {eu: {username: app}}}
                """)
            .accounts();
    assertThat(ofEu.get("default")).isEqualTo(new Accounts.Account("app", null));
  }

  private static void close(List<TableDirectory> directories) {
    directories.forEach(
        directory -> StepVerifier.create(directory.close()).expectComplete().verify(BOUND));
  }
}
