package io.shardflux.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** JDBC without a router: a HikariCP pool for each shard, and the key modulo their number. */
final class Jdbc extends BlockingContender {

  private final List<HikariDataSource> pools;

  Jdbc(List<Endpoint> shards) {
    super(shards.size());
    this.pools = shards.stream().map(Jdbc::pool).toList();
  }

  @Override
  Connection connection(long id) throws SQLException {
    return pools.get((int) (id % pools.size())).getConnection();
  }

  @Override
  void insertAll(List<User> users) throws SQLException {
    Map<Long, List<User>> shards =
        users.stream().collect(Collectors.groupingBy(user -> user.id() % pools.size()));
    for (Map.Entry<Long, List<User>> shard : shards.entrySet()) {
      try (Connection connection = connection(shard.getKey())) {
        insertBatch(connection, shard.getValue());
      }
    }
  }

  @Override
  public void close() {
    super.close();
    pools.forEach(HikariDataSource::close);
  }

  private static HikariDataSource pool(Endpoint shard) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(shard.jdbcUrl());
    config.setUsername(shard.user());
    config.setPassword(shard.password());
    config.setMaximumPoolSize(POOL_SIZE);
    return new HikariDataSource(config);
  }
}
