package io.shardflux.api;

import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.EmbeddedServers;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.support.DefaultSingletonBeanRegistry;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.ApplicationContextInitializer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;

/**
 * Starts three MariaDB servers of the application's own as the shards where the properties name
 * none, and the fourth if an earlier run had one. They are there before any bean is, so that the
 * router is made of properties here too.
 */
final class EmbeddedShards
    implements ApplicationContextInitializer<ConfigurableApplicationContext> {

  private static final String NAME = "embeddedServers";
  private static final String FOURTH = "fourthServer";
  private static final int COUNT = 3;

  /** They end when the context has, and not beside it when the JVM is told to end. */
  @Override
  public void initialize(ConfigurableApplicationContext context) {
    ConfigurableEnvironment environment = context.getEnvironment();
    if (names(environment, "shards")) {
      return;
    }
    Path data = Path.of(environment.getRequiredProperty("shardflux.servers.data"));
    EmbeddedServers servers = EmbeddedServers.kept(data, COUNT).endedByClose();
    FourthServer fourth = new FourthServer(data);
    SpringApplication.getShutdownHandlers().add(servers::close);
    SpringApplication.getShutdownHandlers().add(fourth::close);
    DefaultSingletonBeanRegistry beans = (DefaultSingletonBeanRegistry) context.getBeanFactory();
    beans.registerSingleton(NAME, servers);
    // As the first bean it is the last to end: the router needs the servers until it is closed.
    beans.registerDisposableBean(NAME, servers::close);
    beans.registerSingleton(FOURTH, fourth);
    beans.registerDisposableBean(FOURTH, fourth::close);
    fourth.again();
    environment
        .getPropertySources()
        .addLast(new MapPropertySource(NAME, properties(environment, servers.servers())));
  }

  private static Map<String, Object> properties(
      ConfigurableEnvironment environment, List<DatabaseServer> servers) {
    Map<String, Object> properties = new LinkedHashMap<>();
    boolean strategies = names(environment, "strategies");
    if (!strategies) {
      properties.put("shardflux.strategies.by_id.type", "hash");
    }
    if (!names(environment, "tables")) {
      properties.put("shardflux.tables.users.key.id", "integer");
      properties.put("shardflux.tables.users.strategy", "by_id");
    }
    if (!names(environment, "control")) {
      // Shards are added, and rows moved, while it runs. What is configured else may change.
      properties.put("shardflux.control.create-tables", "true");
      properties.put("shardflux.control.publish", "true");
    }
    for (int i = 0; i < servers.size(); i++) {
      String shard = "shard_" + i;
      properties.put(
          "shardflux.shards." + shard + ".url", servers.get(i).createDatabase(shard).r2dbcUrl());
      if (!strategies) {
        properties.put("shardflux.strategies.by_id.shards[" + i + "]", shard);
      }
    }
    return properties;
  }

  private static boolean names(ConfigurableEnvironment environment, String key) {
    return Binder.get(environment)
        .bind("shardflux." + key, Bindable.mapOf(String.class, Object.class))
        .isBound();
  }
}
