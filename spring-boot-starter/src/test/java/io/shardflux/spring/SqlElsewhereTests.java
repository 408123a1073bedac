package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcConnectionDetails;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.r2dbc.core.DatabaseClient;

/** A database that takes all SQL past the shards is said in the log, once. */
@ExtendWith(OutputCaptureExtension.class)
class SqlElsewhereTests {

  private static final String URL = "r2dbc:mysql://app:hidden-word@127.0.0.1:1/a";
  private static final String WARNING = "SQL goes past the shards";

  private final ApplicationContextRunner none =
      new ApplicationContextRunner()
          .withConfiguration(
              AutoConfigurations.of(
                  ShardfluxAutoConfiguration.class,
                  ShardfluxR2dbcAutoConfiguration.class,
                  R2dbcAutoConfiguration.class));

  private final ApplicationContextRunner shards =
      none.withPropertyValues("shardflux.shards.shard_0.url=" + URL);

  @Configuration(proxyBeanMethods = false)
  static class One {

    @Bean
    ConnectionFactory reports() {
      return ConnectionFactories.get(URL);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Second {

    @Bean
    ConnectionFactory archive() {
      return ConnectionFactories.get(URL);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Details {

    @Bean
    R2dbcConnectionDetails container() {
      return () -> ConnectionFactoryOptions.parse(URL);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class OverTheShards {

    @Bean
    ShardfluxConnectionFactory sharded(ShardRouter router) {
      return ShardfluxConnectionFactory.of(router);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Beside {

    @Bean(defaultCandidate = false)
    ConnectionFactory reports() {
      return ConnectionFactories.get(URL);
    }

    @Bean(defaultCandidate = false)
    ShardfluxConnectionFactory sharded(ShardRouter router) {
      return ShardfluxConnectionFactory.of(router);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class First {

    @Bean
    @Primary
    ConnectionFactory reports() {
      return ConnectionFactories.get(URL);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "spring.r2dbc.pool.enabled=false", "spring.main.lazy-initialization=true"})
  void namesTheUrl(String more, CapturedOutput output) {
    warns(
        shards.withPropertyValues("spring.r2dbc.url=" + URL, more.isEmpty() ? "a=b" : more),
        output,
        "'spring.r2dbc.url'");
  }

  @Test
  void namesTheBean(CapturedOutput output) {
    warns(shards.withUserConfiguration(One.class), output, "the bean 'reports'");
  }

  @Test
  void namesAllBeans(CapturedOutput output) {
    warns(
        shards.withUserConfiguration(One.class, Second.class),
        output,
        "the bean 'reports', the bean 'archive'");
  }

  @Test
  void namesTheBeanThatSpringBootPrefersToTheUrl(CapturedOutput output) {
    warns(
        shards.withUserConfiguration(One.class).withPropertyValues("spring.r2dbc.url=" + URL),
        output,
        "the bean 'reports'");
  }

  @Test
  void namesWhereConnectionDetailsAre(CapturedOutput output) {
    warns(shards.withUserConfiguration(Details.class), output, "the R2dbcConnectionDetails");
  }

  private static void warns(ApplicationContextRunner runner, CapturedOutput output, String named) {
    runner.run(context -> assertThat(context).hasNotFailed());
    assertThat(output.getOut().split(WARNING, -1)).hasSize(2);
    assertThat(output)
        .contains("WARN")
        .contains(WARNING + ", to " + named + " (expected: ")
        .contains("ShardfluxConnectionFactory.of(router)")
        .doesNotContain("hidden-word");
  }

  @Test
  void saysNothingWhereNoSqlGoesPast(@TempDir Path folder, CapturedOutput output)
      throws IOException {
    Path yaml =
        Files.writeString(folder.resolve("shards.yaml"), "shards: {a: {url: \"" + URL + "\"}}");
    silent(shards);
    silent(none.withPropertyValues("spring.r2dbc.url=" + URL));
    silent(shards.withPropertyValues("spring.r2dbc.url=r2dbc:shardflux:file://" + yaml));
    silent(
        shards.withPropertyValues(
            "spring.r2dbc.url=r2dbc:shardflux:file://" + yaml, "spring.r2dbc.pool.enabled=false"));
    silent(shards.withUserConfiguration(OverTheShards.class));
    silent(shards.withUserConfiguration(OverTheShards.class, First.class));
    silent(shards.withUserConfiguration(Beside.class));
    silent(
        shards
            .withClassLoader(new FilteredClassLoader(ShardfluxConnectionFactory.class))
            .withPropertyValues("spring.r2dbc.url=" + URL));
    assertThat(output).doesNotContain(WARNING);
  }

  @Test
  void leavesTheClientToTheUrlWhereTheShardsAreNoDefaultCandidate(CapturedOutput output) {
    shards
        .withUserConfiguration(Beside.class)
        .withPropertyValues("spring.r2dbc.url=" + URL)
        .run(
            context ->
                assertThat(context.getBean(DatabaseClient.class).getConnectionFactory())
                    .isSameAs(context.getBean("connectionFactory")));
    assertThat(output).doesNotContain(WARNING);
  }

  private static void silent(ApplicationContextRunner runner) {
    runner.run(context -> assertThat(context).hasNotFailed());
  }
}
