package io.shardflux.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Routers look often before a switch, so that writes of the first one do not wait for the last. */
class PollIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Duration REST = Duration.ofSeconds(1);
  private static final ShardId ONE = ShardId.of("one");
  private static final ShardId OTHER = ShardId.of("other");

  @Test
  void theNewestJobTellsWhetherItSwitchesSoon() {
    Shard shard =
        Shard.of("control", TestServers.shared().freshDatabases("poll").get(0).r2dbcUrl());
    ControlTables tables = new ControlTables(shard, Duration.ofSeconds(10));
    ShardRouter router = ShardRouter.builder().shard(shard).build();
    tables.create().block(BOUND);
    assertThat(soon(tables, true)).isFalse();
    job(router, "step=0\nphase=VERIFY\n" + Jobs.SOON + "\nkey=");
    assertThat(soon(tables, true)).isTrue();
    assertThat(soon(tables, false)).isFalse();
    job(router, "step=0\nphase=COPY\nkey=");
    assertThat(soon(tables, true)).isFalse();
    tables.close().block(BOUND);
    router.close().block(BOUND);
  }

  private static boolean soon(ControlTables tables, boolean keysMove) {
    return tables.head(keysMove).blockOptional(BOUND).orElseThrow().switchesSoon();
  }

  private static void job(ShardRouter router, String state) {
    router
        .on(ShardId.of("control"))
        .sql(
            "INSERT INTO shardflux_job (kind, wanted, plan, state, owner, token, owner_until,"
                + " made_at) VALUES ('move', 'run', '', :state, '', 1, UTC_TIMESTAMP(6),"
                + " UTC_TIMESTAMP(6))")
        .bind("state", state)
        .rowsUpdated()
        .block(BOUND);
  }

  @Test
  void looksAreAsFrequentAsWritesNeed() {
    Topology rest = topology(ShardingStrategy.fixed(ONE));
    assertThat(TopologyWatch.pause(rest, REST, true)).isEqualTo(REST);
    Topology copying = topology(way(Phase.COPYING));
    assertThat(TopologyWatch.pause(copying, REST, false)).isEqualTo(Duration.ofMillis(100));
    assertThat(TopologyWatch.pause(copying, REST, true)).isEqualTo(Duration.ofMillis(20));
    assertThat(TopologyWatch.pause(topology(way(Phase.SWITCHING)), REST, false))
        .isEqualTo(Duration.ofMillis(20));
  }

  private static ShardingStrategy way(Phase phase) {
    return TransitionStrategy.of(
        ShardingStrategy.fixed(ONE),
        ShardingStrategy.fixed(OTHER),
        List.of(new Step(ONE, OTHER, phase)));
  }

  private static Topology topology(ShardingStrategy strategy) {
    return Topology.builder()
        .shard(ONE)
        .shard(OTHER)
        .strategy("by_id", strategy)
        .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"))
        .build();
  }
}
