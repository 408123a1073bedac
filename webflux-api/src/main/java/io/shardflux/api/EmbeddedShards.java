package io.shardflux.api;

import io.shardflux.r2dbc.Shard;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.EmbeddedServers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.Resource;

/** What is used where no shards are named: three MariaDB servers of the application's own. */
@Configuration(proxyBeanMethods = false)
@Conditional(NoShardsNamed.class)
class EmbeddedShards {

  private static final int COUNT = 3;

  /** Ended with the application, after the router, which needs them. */
  @Bean
  EmbeddedServers embeddedServers(@Value("${shardflux.data}") Path folder) {
    return EmbeddedServers.kept(folder, COUNT);
  }

  @Bean
  ShardRouter embeddedRouter(EmbeddedServers embedded) {
    ShardRouter.Builder router = ShardRouter.builder();
    List<ShardId> ids = new ArrayList<>();
    for (DatabaseServer server : embedded.servers()) {
      String name = "shard_" + ids.size();
      router.shard(Shard.of(name, server.createDatabase(name).r2dbcUrl()));
      ids.add(ShardId.of(name));
    }
    return router
        .strategy("by_id", ShardingStrategy.hash(ids))
        .table(new TableRule.Sharded(Users.TABLE, List.of(KeyColumn.integer("id")), "by_id"))
        .build();
  }

  @Bean
  SampleUsers sampleUsers(
      ShardRouter router, Users users, @Value("classpath:users.sql") Resource table)
      throws IOException {
    return new SampleUsers(router, users, table.getContentAsString(StandardCharsets.UTF_8));
  }
}
