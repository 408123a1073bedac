package io.shardflux.driver;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.List;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** The TestKit's tables spread over three shards, so that its rows lie on all of them. */
class ShardedTestKitIntegrationTests extends ShardsTestKit {

  ShardedTestKitIntegrationTests() {
    super(
        ShardRouter.builder().strategy("by_value", ShardingStrategy.modulo(DriverShards.IDS)),
        List.of(
            new TableRule.Sharded("test", List.of(KeyColumn.integer("test_value")), "by_value"),
            new TableRule.Sharded(
                "test_two_column", List.of(KeyColumn.integer("col1")), "by_value"),
            new TableRule.Pinned("blob_test", DriverShards.IDS.get(1)),
            new TableRule.Pinned("clob_test", DriverShards.IDS.get(2))));
  }

  /** A row has to have a key. */
  @Override
  @Test
  public void bindNull() {
    refused("INSERT INTO test VALUES (NULL)", "KEY_MISSING");
  }

  /** A row has to have a key. */
  @Override
  @Test
  public void bindNullAsParameter() {
    refused("INSERT INTO test VALUES (NULL)", "KEY_MISSING");
  }

  /** It reads all shards in a transaction. */
  @Override
  @Test
  public void sameAutoCommitLeavesTransactionUnchanged() {
    refusedInTransaction();
  }

  /** It reads all shards in a transaction. */
  @Override
  @Test
  public void savePoint() {
    refusedInTransaction();
  }

  /** It reads all shards in a transaction. */
  @Override
  @Test
  public void transactionCommit() {
    refusedInTransaction();
  }

  /** It reads all shards in a transaction. */
  @Override
  @Test
  public void transactionRollback() {
    refusedInTransaction();
  }

  private void refusedInTransaction() {
    StepVerifier.create(
            Flux.usingWhen(
                getConnectionFactory().create(),
                connection ->
                    Flux.concat(
                        connection.beginTransaction(),
                        Flux.from(
                                connection
                                    .createStatement(expand(TestStatement.SELECT_VALUE))
                                    .execute())
                            .then()),
                Connection::close))
        .expectErrorMatches(
            error -> String.valueOf(error.getMessage()).contains("several shards in a transaction"))
        .verify(DriverShards.BOUND);
  }
}
