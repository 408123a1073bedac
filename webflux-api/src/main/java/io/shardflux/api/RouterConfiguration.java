package io.shardflux.api;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.EmbeddedServers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.core.io.Resource;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * The router by the properties {@code shardflux.*}, whose keys are those of {@link
 * ShardRouter#fromYaml}. Where they name no shards, three MariaDB servers of the application's own
 * are the shards.
 */
@Configuration(proxyBeanMethods = false)
class RouterConfiguration {

  private static final String PREFIX = "shardflux";
  private static final int EMBEDDED = 3;

  /** Not the router's: the embedded servers' folder, and what names the servers of tests. */
  private static final Set<String> OTHERS = Set.of("data", "servers");

  /** Whether the properties name no shards. */
  static final class NoShardsNamed implements Condition {

    @Override
    public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
      return !document(context.getEnvironment()).containsKey("shards");
    }
  }

  /** Ended with the application, after the router, which needs them. */
  @Bean
  @Conditional(NoShardsNamed.class)
  EmbeddedServers embeddedServers(@Value("${shardflux.data}") Path folder) {
    return EmbeddedServers.kept(folder, EMBEDDED);
  }

  /** Closed with the application, which waits for it. */
  @Bean
  ShardRouter shardRouter(Environment environment, ObjectProvider<EmbeddedServers> embedded) {
    Map<String, Object> document = document(environment);
    embedded.ifAvailable(servers -> addEmbedded(document, servers.servers()));
    ShardRouter router = ShardRouter.builder(document).build();
    // Refuses at the start what every request would fail by.
    router.topology().table(Users.TABLE);
    return router;
  }

  @Bean
  @Conditional(NoShardsNamed.class)
  SampleUsers sampleUsers(
      ShardRouter router, Users users, @Value("classpath:users.sql") Resource table)
      throws IOException {
    return new SampleUsers(router, users, table.getContentAsString(StandardCharsets.UTF_8));
  }

  private static Map<String, Object> document(Environment environment) {
    Map<String, Object> document =
        new LinkedHashMap<>(
            Binder.get(environment)
                .bind(PREFIX, Bindable.mapOf(String.class, Object.class))
                .orElse(Map.of()));
    document.keySet().removeAll(OTHERS);
    return document;
  }

  private static void addEmbedded(Map<String, Object> document, List<DatabaseServer> servers) {
    Map<String, Object> shards = new LinkedHashMap<>();
    for (DatabaseServer server : servers) {
      String name = "shard_" + shards.size();
      shards.put(name, Map.of("url", server.createDatabase(name).r2dbcUrl()));
    }
    document.put("shards", shards);
    document.putIfAbsent(
        "strategies",
        Map.of("by_id", Map.of("type", "hash", "shards", List.copyOf(shards.keySet()))));
    document.putIfAbsent(
        "tables", Map.of(Users.TABLE, Map.of("key", Map.of("id", "integer"), "strategy", "by_id")));
  }
}
