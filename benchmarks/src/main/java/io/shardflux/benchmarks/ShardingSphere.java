package io.shardflux.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.apache.shardingsphere.driver.api.yaml.YamlShardingSphereDataSourceFactory;
import org.apache.shardingsphere.sharding.api.sharding.standard.PreciseShardingValue;
import org.apache.shardingsphere.sharding.api.sharding.standard.RangeShardingValue;
import org.apache.shardingsphere.sharding.api.sharding.standard.StandardShardingAlgorithm;

/** ShardingSphere-JDBC over HikariCP, with a database for each shard. */
final class ShardingSphere extends BlockingContender {

  private final DataSource source;

  ShardingSphere(List<Endpoint> shards) {
    super(shards.size());
    try {
      this.source =
          YamlShardingSphereDataSourceFactory.createDataSource(
              configuration(shards).getBytes(StandardCharsets.UTF_8));
    } catch (SQLException | IOException e) {
      throw new IllegalStateException("ShardingSphere: " + e.getMessage(), e);
    }
  }

  @Override
  Connection connection(long id) throws SQLException {
    return source.getConnection();
  }

  @Override
  void insertAll(List<User> users) throws SQLException {
    try (Connection connection = source.getConnection()) {
      insertBatch(connection, users);
    }
  }

  @Override
  public void close() {
    super.close();
    try {
      ((AutoCloseable) source).close();
    } catch (Exception e) {
      throw new IllegalStateException("ShardingSphere: " + e.getMessage(), e);
    }
  }

  private static String configuration(List<Endpoint> shards) {
    String sources =
        IntStream.range(0, shards.size())
            .mapToObj(i -> source(Endpoint.name(i), shards.get(i)))
            .collect(Collectors.joining());
    String names = String.join(",", Endpoint.names(shards.size()));
    return """
    databaseName: bench
    mode:
      type: Standalone
    dataSources:
    %s
    rules:
    - !SHARDING
      tables:
        users: {actualDataNodes: "%s"}
        inserts: {actualDataNodes: "%s"}
      defaultDatabaseStrategy:
        standard: {shardingColumn: id, shardingAlgorithmName: by_id}
      shardingAlgorithms:
        by_id: {type: CLASS_BASED, props: {strategy: STANDARD, algorithmClassName: %s}}
    - !SINGLE
      tables: []
    """
        .formatted(sources, nodes(names, "users"), nodes(names, "inserts"), ById.class.getName());
  }

  private static String nodes(String shards, String table) {
    return shards.replace(",", "." + table + ",") + "." + table;
  }

  private static String source(String name, Endpoint shard) {
    return """
      %s:
        dataSourceClassName: com.zaxxer.hikari.HikariDataSource
        jdbcUrl: "%s"
        username: "%s"
        password: "%s"
        maximumPoolSize: %d
    """
        .formatted(name, shard.jdbcUrl(), shard.user(), shard.password(), POOL_SIZE)
        .indent(0);
  }

  /** The shard of a user. */
  public static final class ById implements StandardShardingAlgorithm<Long> {

    @Override
    public String doSharding(Collection<String> shards, PreciseShardingValue<Long> id) {
      return Endpoint.name((int) (id.getValue() % shards.size()));
    }

    @Override
    public Collection<String> doSharding(Collection<String> shards, RangeShardingValue<Long> ids) {
      return shards;
    }
  }
}
