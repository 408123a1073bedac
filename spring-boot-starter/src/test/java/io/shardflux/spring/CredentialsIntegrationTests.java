package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import io.shardflux.spring.lifecycle.RouterLifecycle;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.test.web.reactive.server.WebTestClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A password is in nothing that an application shows, whatever fails. */
@ExtendWith(OutputCaptureExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class CredentialsIntegrationTests {

  private static final String PASSWORD = "Quetzalcoatl-4711";
  private static final String ACCOUNT = "shardflux_grep";
  private static final String[] EXPOSED = {
    "management.endpoints.web.exposure.include=*",
    "management.endpoint.health.show-details=always",
    "logging.level.root=DEBUG"
  };

  /** Endpoints that give no text, hold all of the memory, or end the application. */
  private static final List<String> NOT_READ = List.of("heapdump", "shutdown", "logfile");

  private final Database database = TestServers.shared().freshDatabases("credentials").get(0);
  private final ShardRouter root =
      ShardRouter.builder().shard(Shard.of("root", database.r2dbcUrl())).build();

  @BeforeAll
  void makeAccount() {
    execute("DROP USER IF EXISTS " + ACCOUNT);
    execute("CREATE USER " + ACCOUNT + " IDENTIFIED BY '" + PASSWORD + "'");
    execute("GRANT ALL ON `" + database.name() + "`.* TO " + ACCOUNT);
  }

  @AfterAll
  void dropAccount() {
    execute("DROP USER " + ACCOUNT);
    root.close().block(WebApplication.BOUND);
  }

  private void execute(String sql) {
    root.on(ShardId.of("root")).sql(sql).rowsUpdated().block(WebApplication.BOUND);
  }

  @ParameterizedTest
  @ValueSource(strings = {"never", "always"})
  void aPasswordIsInNoEndpointLogErrorOrText(String showValues, CapturedOutput output) {
    String server = database.server().address();
    List<String> told = new ArrayList<>();
    try (WebApplication application =
        WebApplication.on(
            List.of(
                "r2dbc:mysql://" + ACCOUNT + ":" + PASSWORD + "@" + server + "/" + database.name(),
                "r2dbc:mysql://" + ACCOUNT + "@" + server + "/information_schema",
                "r2dbc:mysql://" + ACCOUNT + ":wrong-" + PASSWORD + "@" + server + "/mysql",
                "r2dbc:mysql://127.0.0.1:1/a"),
            with(
                EXPOSED,
                "shardflux.shards.shard_1.password=" + PASSWORD,
                "shardflux.shards.shard_1.replicas[0].url=r2dbc:mysql://127.0.0.1:1/b",
                "shardflux.shards.shard_1.replicas[0].password=" + PASSWORD,
                "shardflux.shards.shard_3.username=" + ACCOUNT,
                "shardflux.shards.shard_3.password=" + PASSWORD,
                "shardflux.strategies.by_key.type=directory",
                "shardflux.strategies.by_key.shards[0]=shard_0",
                "shardflux.strategies.by_key.server.url=r2dbc:mysql://"
                    + ACCOUNT
                    + "@"
                    + server
                    + "/mysql",
                "shardflux.strategies.by_key.server.password=" + PASSWORD,
                "management.endpoint.env.show-values=" + showValues,
                "management.endpoint.configprops.show-values=" + showValues))) {
      ShardRouter router = application.router();
      assertThat(statement(router, "shard_0", "SELECT 1")).isNull();
      assertThat(statement(router, "shard_1", "SELECT 1")).isNull();
      for (String failing : List.of("shard_2", "shard_3")) {
        Throwable error = statement(router, failing, "SELECT 1");
        assertThat(error).as(failing).isNotNull();
        told.add(trace(error));
      }
      told.add(trace(statement(router, "shard_0", "SELECT nonsense")));
      told.addAll(
          texts(
              router,
              router.topology(),
              application.context().getBean(RouterLifecycle.class),
              String.valueOf(router.operations().statistics().block(WebApplication.BOUND))));
      told.addAll(endpoints(application.client()));
    }
    assertThat(told).hasSizeGreaterThan(15).noneMatch(text -> text.contains(PASSWORD));
    assertThat(output.getAll()).contains("shard_2").contains("DEBUG").doesNotContain(PASSWORD);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "url=r2dbc:mysql//app:Quetzalcoatl-4711@127.0.0.1/a",
        "url=r2dbc:mysql://app:Quetzalcoatl-4711@127.0.0.1:port/a",
        "url=r2dbc:nosuch://app:Quetzalcoatl-4711@127.0.0.1/a",
        "url=r2dbc:mysql://app:Quetzalcoatl-4711@127.0.0.1/a?sslMode=nonsense",
        "password[0]=Quetzalcoatl-4711",
        "password.word=Quetzalcoatl-4711",
        "username=r2dbc:mysql://app:Quetzalcoatl-4711@127.0.0.1/a",
        "pool.max-size=r2dbc:mysql://app:Quetzalcoatl-4711@127.0.0.1/a",
      })
  void aPasswordIsInNoReportOfABadSetting(String setting, CapturedOutput output) {
    List<String> arguments = new ArrayList<>(List.of("--shardflux.shards.a." + setting));
    if (!setting.startsWith("url")) {
      arguments.add("--shardflux.shards.a.url=r2dbc:mysql://app@127.0.0.1/a");
    }
    Throwable error =
        catchThrowable(
            () ->
                new SpringApplicationBuilder(WebApplication.Application.class)
                    .properties(Map.of("logging.level.root", "DEBUG"))
                    .run(arguments.toArray(String[]::new)));
    assertThat(error).isNotNull();
    assertThat(trace(error)).contains("InvalidSettingException").doesNotContain(PASSWORD);
    assertThat(output.getAll()).contains("FAILED TO START").doesNotContain(PASSWORD);
  }

  @Test
  void theSearchFindsAPasswordThatIsThere(CapturedOutput output) {
    System.out.println("said aloud: " + PASSWORD);
    assertThat(output.getAll()).contains(PASSWORD);
  }

  private static Throwable statement(ShardRouter router, String shard, String sql) {
    return catchThrowable(
        () ->
            router
                .on(ShardId.of(shard))
                .sql(sql)
                .map((row, metadata) -> true)
                .one()
                .block(WebApplication.BOUND));
  }

  /** The bodies of all endpoints that there are, as their index names them. */
  private static List<String> endpoints(WebTestClient client) {
    JsonNode index = new JsonMapper().readTree(body(client, "/actuator")).get("_links");
    assertThat(index.propertyNames())
        .contains("health", "shards", "env", "configprops", "metrics", "beans");
    List<String> bodies = new ArrayList<>();
    index.propertyNames().stream()
        .filter(name -> !name.contains("-") && !NOT_READ.contains(name))
        .forEach(name -> bodies.add(body(client, "/actuator/" + name)));
    bodies.add(body(client, "/actuator/health/shards"));
    bodies.add(body(client, "/actuator/shards/shard_0"));
    bodies.add(body(client, "/actuator/env/shardflux.shards.shard_0.url"));
    bodies.add(body(client, "/actuator/env/shardflux.shards.shard_1.password"));
    return bodies;
  }

  private static String body(WebTestClient client, String path) {
    String body =
        client.get().uri(path).exchange().expectBody(String.class).returnResult().getResponseBody();
    assertThat(body).as(path).isNotBlank();
    return String.valueOf(body);
  }

  private static String[] with(String[] properties, String... more) {
    List<String> all = new ArrayList<>(List.of(properties));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private static List<String> texts(Object... shown) {
    return Arrays.stream(shown).map(String::valueOf).toList();
  }

  /** With all causes and suppressed errors. */
  private static String trace(Throwable error) {
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text));
    return text.toString();
  }
}
