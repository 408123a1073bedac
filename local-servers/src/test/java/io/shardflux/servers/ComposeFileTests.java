package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/**
 * The root's {@code docker-compose.yml} against what the application and the documentation say of
 * it.
 */
class ComposeFileTests {

  private static final Path ROOT = Path.of("..");

  private static Map<?, ?> services = Map.of();

  @BeforeAll
  static void read() throws IOException {
    LoaderOptions options = new LoaderOptions();
    options.setAllowDuplicateKeys(false);
    try (Reader file = Files.newBufferedReader(ROOT.resolve("docker-compose.yml"))) {
      Map<?, ?> compose = map(new Yaml(new SafeConstructor(options)).load(file));
      services = map(compose.get("services"));
    }
  }

  @Test
  void thereAreThreeShards() {
    assertThat(services.keySet().stream().map(String::valueOf))
        .containsExactly("shard_0", "shard_1", "shard_2");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void eachIsMySqlWithItsDatabaseOnItsPortOfThisMachineAlone(int shard) {
    Map<?, ?> service = map(services.get("shard_" + shard));
    assertThat(service.get("image")).asString().startsWith("mysql:");
    assertThat(list(service.get("ports")))
        .asString()
        .isEqualTo("[127.0.0.1:" + (3306 + shard) + ":3306]");
    Map<?, ?> environment = map(service.get("environment"));
    assertThat(environment.get("MYSQL_DATABASE")).asString().isEqualTo("shard_" + shard);
    assertThat(environment.get("MYSQL_USER")).asString().isEqualTo("shardflux");
    assertThat(environment.get("MYSQL_PASSWORD")).asString().isEqualTo("shardflux");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void eachIsHealthyOnceItsTableAnswers(int shard) {
    Map<?, ?> check = map(map(services.get("shard_" + shard)).get("healthcheck"));
    assertThat(list(check.get("test")).toString()).contains("SELECT 1 FROM users");
    assertThat(map(check).keySet().stream().map(String::valueOf))
        .contains("interval", "timeout", "retries");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void eachMakesItsTableFromAFileThatIsThere(int shard) throws IOException {
    List<?> volumes = list(map(services.get("shard_" + shard)).get("volumes"));
    String mount =
        volumes.stream()
            .map(String::valueOf)
            .filter(volume -> volume.contains(":/docker-entrypoint-initdb.d"))
            .findFirst()
            .orElseThrow();
    Path folder = ROOT.resolve(mount.substring(0, mount.indexOf(':'))).normalize();
    assertThat(Files.readString(folder.resolve("users.sql"))).contains("TABLE IF NOT EXISTS users");
  }

  /** An account without SUPER makes the triggers of a move, and sees who else is connected. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void eachLetsItsAccountMoveRows(int shard) throws IOException {
    Map<?, ?> service = map(services.get("shard_" + shard));
    assertThat(service.get("command"))
        .asString()
        .contains("--log-bin-trust-function-creators=1")
        .contains("--collation-server=utf8mb4_bin ");
    assertThat(Files.readString(ROOT.resolve("src/sql/rights.sql")))
        .contains("GRANT PROCESS, XA_RECOVER_ADMIN ON *.* TO " + environment(service));
  }

  private static Object environment(Map<?, ?> service) {
    return Objects.requireNonNull(map(service.get("environment")).get("MYSQL_USER"));
  }

  private static Map<?, ?> map(@Nullable Object value) {
    return (Map<?, ?>) Objects.requireNonNull(value);
  }

  private static List<?> list(@Nullable Object value) {
    return (List<?>) Objects.requireNonNull(value);
  }
}
