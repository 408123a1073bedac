package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.r2dbc.ShardRouter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.DefaultResourceLoader;

/** The failure analyses of applications that do not start. */
@ExtendWith(OutputCaptureExtension.class)
class FailureAnalysisTests {

  private static final String URL = "r2dbc:mysql://app:hidden-word@127.0.0.1:1/a";

  @Configuration(proxyBeanMethods = false)
  @ImportAutoConfiguration(ShardfluxAutoConfiguration.class)
  static class Application {}

  @Configuration(proxyBeanMethods = false)
  @ImportAutoConfiguration(ShardfluxAutoConfiguration.class)
  static class NeedsRouter {

    @Bean
    Object users(ShardRouter router) {
      return router;
    }
  }

  @Test
  void saysWhichSettingIsWrongWhereItStandsAndWhatIsExpected(
      @TempDir Path folder, CapturedOutput output) throws IOException {
    Path file = Files.writeString(folder.resolve("application.yaml"), yaml("max-size: many"));
    fails(Application.class, "--spring.config.location=file:" + file);
    assertThat(output)
        .contains("APPLICATION FAILED TO START")
        .contains("The setting 'shardflux.pool.max-size' is wrong: many")
        .containsPattern("Origin: .*application.yaml.* - 5:15")
        .contains("Expected for 'shardflux.pool.max-size': a whole number from 1 to 2147483647.")
        .doesNotContain("hidden-word");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          strategies.by_id.type    | strategies: {by_id: {type: hsh}}
          strategies.by_id         | strategies: {by_id: {type: modulo, shards: [b]}}
          strategies.by_id.shards  | strategies: {by_id: {type: hash}}
          tables.customers.strategy | tables: {customers: {strategy: by_idd, key: {id: integer}}}
          tables.customers.pinned  | tables: {customers: {pinned: b}}
          tables.customers.key     | tables: {customers: {strategy: by_id}}
          poool                    | poool: {max-size: 7}
          pool.max                 | pool: {max: 7}
          ids.shard                | ids: {shard: b}
          breaker.failure-rate     | breaker: {failureRate: 0}
          shards.b.username        | shards: {b: {url: "r2dbc:mysql://h/d"}}
          shards.b.url             | shards: {b: {url: "r2dbc:mysql://app@h"}}
          shards.b.password…       | shards: {b: {password:"hidden-word"}}
          """)
  void saysWhereWhatIsWrongStandsWhateverItIs(
      String path, String yaml, @TempDir Path folder, CapturedOutput output) throws IOException {
    // In a file of its own, on the eighth line.
    Path base = Files.writeString(folder.resolve("base.yaml"), yaml("max-size: 7"));
    Path file =
        Files.writeString(folder.resolve("wrong.yaml"), "\n".repeat(6) + "shardflux:\n  " + yaml);
    fails(Application.class, "--spring.config.location=file:" + base + ",file:" + file);
    assertThat(output)
        .contains("'shardflux." + path + "'")
        .containsPattern("Origin: .*wrong.yaml.* - 8:[0-9]+")
        .doesNotContain("hidden-word");
  }

  @Test
  void namesTheKeysInsteadOfOneThatThereIsNot(@TempDir Path folder, CapturedOutput output)
      throws IOException {
    Path file = Files.writeString(folder.resolve("application.yaml"), yaml("maximum: 7"));
    fails(Application.class, "--spring.config.location=file:" + file);
    assertThat(output)
        .contains("There is no setting 'shardflux.pool.maximum'.")
        .contains("Expected for 'shardflux.pool.maximum': one of max-size, min-idle,");
  }

  @Test
  void saysWhatIsMissing(CapturedOutput output) {
    fails(Application.class, "--shardflux.shards.a.url=r2dbc:mysql://127.0.0.1:1/a");
    assertThat(output)
        .contains("The setting 'shardflux.shards.a.username' is missing.")
        .contains(
            "Expected for 'shardflux.shards.a.username': an account's name, here or in the URL.");
  }

  @Test
  void namesTheDriverWhereThereIsNone(CapturedOutput output) {
    fails(
        Application.class,
        "--shardflux.shards.a.url=r2dbc:postgresql://app:hidden-word@localhost/a");
    assertThat(output)
        .contains("The setting 'shardflux.shards.a.url' is wrong. Its value is not shown")
        .contains("a URL with a driver that is on the class path")
        .contains("The driver for r2dbc:mysql is io.asyncer:r2dbc-mysql.")
        .doesNotContain("hidden-word");
  }

  @Test
  void saysWhatDoesNotFitTogether(CapturedOutput output) {
    fails(
        Application.class,
        "--shardflux.shards.a.url=" + URL,
        "--shardflux.tables.users.strategy=by_id",
        "--shardflux.tables.users.key.id=integer");
    assertThat(output)
        .contains("APPLICATION FAILED TO START")
        .contains("by_id")
        .doesNotContain("hidden-word");
  }

  @Test
  void saysHowToComeByARouter(CapturedOutput output) {
    fails(NeedsRouter.class);
    assertThat(output)
        .contains(
            "Parameter 0 of method users in"
                + " io.shardflux.spring.FailureAnalysisTests$NeedsRouter required a ShardRouter,"
                + " and there is none, as 'shardflux.shards' is not set.")
        .contains("Set 'shardflux.shards.<name>.url' for each shard, or define a bean");
  }

  @Test
  void namesTheModuleThatASharedTopologyNeeds(CapturedOutput output) {
    assertThatThrownBy(
            () ->
                new SpringApplicationBuilder(Application.class)
                    .web(WebApplicationType.NONE)
                    .resourceLoader(
                        new DefaultResourceLoader(new FilteredClassLoader("io.shardflux.cluster")))
                    .run(
                        "--shardflux.shards.a.url=" + URL,
                        "--shardflux.control.create-tables=true"))
        .isInstanceOf(RuntimeException.class);
    assertThat(output)
        .contains("The setting 'shardflux.control' is wrong: set without the module")
        .contains("Expected for 'shardflux.control': io.shardflux:shardflux-topology-store among")
        .doesNotContain("hidden-word");
  }

  @Test
  void leavesTheErrorsOfOthersAlone(CapturedOutput output) {
    fails(OtherError.class);
    assertThat(output).doesNotContain("The setting").contains("abc: 1 (expected: 2)");
  }

  @Configuration(proxyBeanMethods = false)
  static class OtherError {

    @Bean
    Object other() {
      throw new IllegalArgumentException("abc: 1 (expected: 2)");
    }
  }

  private static String yaml(String pool) {
    return """
    shardflux:
      shards:
        a: {url: "%s"}
      pool:
        %s
    """
        .formatted(URL, pool);
  }

  private static void fails(Class<?> application, String... arguments) {
    assertThatThrownBy(
            () ->
                new SpringApplicationBuilder(application)
                    .web(WebApplicationType.NONE)
                    .run(arguments))
        .isInstanceOf(RuntimeException.class);
  }
}
