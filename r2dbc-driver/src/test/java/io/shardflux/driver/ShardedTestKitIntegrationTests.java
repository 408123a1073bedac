package io.shardflux.driver;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The TestKit's tables spread over three shards, so that its rows lie on all of them, and so do its
 * transactions.
 */
class ShardedTestKitIntegrationTests extends ShardsTestKit {

  ShardedTestKitIntegrationTests() {
    super(
        ShardRouter.builder()
            .strategy("by_value", ShardingStrategy.modulo(DriverShards.IDS))
            .transactions(TransactionOptions.defaults().withMode(TransactionMode.ATOMIC)),
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
}
