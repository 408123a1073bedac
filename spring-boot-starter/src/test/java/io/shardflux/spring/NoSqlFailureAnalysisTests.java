package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.r2dbc.autoconfigure.R2dbcAutoConfiguration;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.DefaultResourceLoader;

/** The failure analysis of an application that asks for SQL and has no database for it. */
@ExtendWith(OutputCaptureExtension.class)
class NoSqlFailureAnalysisTests {

  private static final String URL = "r2dbc:mysql://app:hidden-word@127.0.0.1:1/a";
  private static final String SHARD = "--shardflux.shards.a.url=" + URL;
  private static final String NO_SHARDS = "'shardflux.shards' is not set";
  private static final String NO_DRIVER =
      "io.shardflux:shardflux-r2dbc-driver is not on the class path";
  private static final String TWO = "there are several routers: first, second";

  /** Spring Boot's own factory is asked for. */
  @Configuration(proxyBeanMethods = false)
  @ImportAutoConfiguration({
    ShardfluxAutoConfiguration.class,
    ShardfluxR2dbcAutoConfiguration.class,
    R2dbcAutoConfiguration.class
  })
  static class OfBoot {}

  /** A bean asks for a factory, and Spring Boot would make none. */
  @Configuration(proxyBeanMethods = false)
  @ImportAutoConfiguration({
    ShardfluxAutoConfiguration.class,
    ShardfluxR2dbcAutoConfiguration.class
  })
  static class OfABean {

    @Bean
    Object users(ConnectionFactory factory) {
      return factory;
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class TwoRouters {

    @Bean
    ShardRouter first() {
      return ShardRouter.builder().shard(Shard.of("first", URL)).build();
    }

    @Bean
    ShardRouter second() {
      return ShardRouter.builder().shard(Shard.of("second", URL)).build();
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class None {}

  /** Each mistake, alone and with each other one, by whoever asks. */
  static Stream<Arguments> mistakes() {
    return Stream.of(OfBoot.class, OfABean.class)
        .flatMap(
            asking ->
                Stream.of(
                    Arguments.of(asking, None.class, true, List.of(), List.of(NO_SHARDS)),
                    Arguments.of(
                        asking, None.class, false, List.of(), List.of(NO_SHARDS, NO_DRIVER)),
                    Arguments.of(asking, None.class, false, List.of(SHARD), List.of(NO_DRIVER)),
                    Arguments.of(asking, TwoRouters.class, true, List.of(), List.of(TWO)),
                    Arguments.of(
                        asking, TwoRouters.class, false, List.of(SHARD), List.of(NO_DRIVER, TWO))));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void saysWhichMistakeItIsAndWhatToDo(
      Class<?> asking,
      Class<?> more,
      boolean driver,
      List<String> arguments,
      List<String> said,
      CapturedOutput output) {
    fails(driver, arguments, asking, more);
    assertThat(output)
        .contains("APPLICATION FAILED TO START")
        .contains("no database for SQL")
        .contains(said)
        .doesNotContain("H2", "embedded", "hidden-word");
    Stream.of(NO_SHARDS, NO_DRIVER, TWO)
        .filter(other -> !said.contains(other))
        .forEach(other -> assertThat(output).doesNotContain(other));
    if (said.contains(NO_SHARDS)) {
      assertThat(output).contains("Set 'shardflux.shards.<name>.url' for each shard.");
    }
    if (said.contains(NO_DRIVER)) {
      assertThat(output).contains("Add io.shardflux:shardflux-r2dbc-driver to the class path.");
    }
    if (said.contains(TWO)) {
      assertThat(output)
          .contains("Mark one router as @Primary, or define a bean")
          .contains("ShardfluxConnectionFactory.of(router).");
    }
  }

  private static void fails(boolean driver, List<String> arguments, Class<?>... sources) {
    ClassLoader loader =
        driver
            ? NoSqlFailureAnalysisTests.class.getClassLoader()
            : new FilteredClassLoader(ShardfluxConnectionFactory.class);
    assertThatThrownBy(
            () ->
                new SpringApplicationBuilder(new DefaultResourceLoader(loader), sources)
                    .web(WebApplicationType.NONE)
                    .run(arguments.toArray(String[]::new)))
        .isInstanceOf(RuntimeException.class);
  }
}
