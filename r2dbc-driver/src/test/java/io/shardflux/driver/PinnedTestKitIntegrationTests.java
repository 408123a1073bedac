package io.shardflux.driver;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.TableRule;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;

/** The TestKit's tables on one of three shards. */
@Tag("same-on-any-server")
class PinnedTestKitIntegrationTests extends ShardsTestKit {

  PinnedTestKitIntegrationTests() {
    super(ShardRouter.builder(), tables());
  }

  private static List<TableRule> tables() {
    return Stream.of("test", "test_two_column", "blob_test", "clob_test")
        .<TableRule>map(table -> new TableRule.Pinned(table, DriverShards.IDS.get(1)))
        .toList();
  }
}
