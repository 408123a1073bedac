package io.shardflux.spring.failure;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.spring.property.RouterProperties;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.NoUniqueBeanDefinitionException;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;
import org.springframework.util.ClassUtils;

/**
 * Says why there is no {@link ConnectionFactory} over the shards where a bean needs one. Spring
 * Boot's own message is about embedded databases.
 */
@Order(Ordered.HIGHEST_PRECEDENCE)
final class NoSqlFailureAnalyzer implements FailureAnalyzer {

  /** The exception of Spring Boot, which is not visible, and not there in each application. */
  private static final String OF_BOOT =
      "org.springframework.boot.r2dbc.autoconfigure"
          + ".ConnectionFactoryOptionsInitializer$ConnectionFactoryBeanCreationException";

  private static final String DRIVER = "io.shardflux.driver.ShardfluxConnectionFactory";

  private final ConfigurableListableBeanFactory beans;
  private final Environment environment;

  NoSqlFailureAnalyzer(BeanFactory beans, Environment environment) {
    this.beans = (ConfigurableListableBeanFactory) beans;
    this.environment = environment;
  }

  @Override
  public @Nullable FailureAnalysis analyze(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (meansNoFactory(cause)) {
        return analysis(cause);
      }
    }
    return null;
  }

  private static boolean meansNoFactory(Throwable cause) {
    return cause.getClass().getName().equals(OF_BOOT)
        || (cause instanceof NoSuchBeanDefinitionException missing
            && !(cause instanceof NoUniqueBeanDefinitionException)
            && missing.getBeanType() == ConnectionFactory.class);
  }

  /** Null where none of these reasons is the cause. */
  private @Nullable FailureAnalysis analysis(Throwable cause) {
    List<String> why = new ArrayList<>();
    List<String> ways = new ArrayList<>();
    List<String> routers = List.of(beans.getBeanNamesForType(ShardRouter.class, true, false));
    if (routers.isEmpty() && !new RouterProperties(environment).have("shards")) {
      why.add("'shardflux.shards' is not set");
      ways.add("Set 'shardflux.shards.<name>.url' for each shard.");
    }
    if (!ClassUtils.isPresent(DRIVER, beans.getBeanClassLoader())) {
      why.add("io.shardflux:shardflux-r2dbc-driver is not on the class path");
      ways.add("Add io.shardflux:shardflux-r2dbc-driver to the class path.");
    }
    if (routers.size() > 1 && routers.stream().noneMatch(this::isPrimary)) {
      why.add("there are several routers: " + String.join(", ", routers));
      ways.add(
          "Mark one router as @Primary, or define a bean ShardfluxConnectionFactory.of(router).");
    }
    if (why.isEmpty()) {
      return null;
    }
    ways.add(
        "If SQL is not for the shards, set 'spring.r2dbc.url' or define a bean of the type "
            + ConnectionFactory.class.getName()
            + ".");
    return new FailureAnalysis(
        "The application has no database for SQL, as " + String.join(", and ", why) + ".",
        String.join("\n", ways),
        cause);
  }

  private boolean isPrimary(String bean) {
    return beans.containsBeanDefinition(bean) && beans.getMergedBeanDefinition(bean).isPrimary();
  }
}
