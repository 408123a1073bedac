package io.shardflux.router;

import static io.shardflux.router.Fixtures.BOUND;
import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

class TopologyTests {

  private static final TableRule USERS =
      new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id");

  private final Topology topology =
      Topology.builder()
          .shard(id("a"))
          .shard(id("b"))
          .strategy("by_id", ShardingStrategy.modulo(ids("a", "b")))
          .table(USERS)
          .table(new TableRule.Reference("countries"))
          .table(new TableRule.Pinned("audit", id("a")))
          .build();

  @Test
  void locatesKeysByTheTablesRule() {
    assertLocated("users", ShardKey.of(3), "b");
    assertLocated("audit", ShardKey.of("anything"), "a");
    StepVerifier.create(topology.locate("countries", ShardKey.of(1)))
        .expectErrorMessage("table: countries, a Reference table (expected: a sharded one)")
        .verify(BOUND);
    StepVerifier.create(topology.locate("orders", ShardKey.of(1)))
        .expectErrorMessage("table: orders (expected: one of [users, countries, audit])")
        .verify(BOUND);
    StepVerifier.create(topology.locate("users", ShardKey.of(1, 2)))
        .expectErrorMessage("users key: (1, 2) (expected: 1 parts, id)")
        .verify(BOUND);
    StepVerifier.create(topology.locate("users", ShardKey.of(new UUID(0, 1))))
        .expectError(UnroutableKeyException.class)
        .verify(BOUND);
  }

  private void assertLocated(String table, ShardKey key, String shard) {
    StepVerifier.create(topology.locate(table, key))
        .expectNext(id(shard))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aChangeGivesTheNextEpochAndLeavesTheOldOneWhole() {
    Topology more = topology.withShard(id("c"));

    assertThat(more.epoch()).isEqualTo(2);
    assertThat(more.shards()).containsExactlyElementsOf(ids("a", "b", "c"));
    assertThat(more.withoutShard(id("c")).epoch()).isEqualTo(3);
    assertThat(topology.epoch()).isEqualTo(1);
    assertThat(topology.shards()).containsExactlyElementsOf(ids("a", "b"));
    assertThat(topology.strategy("users").shards()).isEqualTo(topology.shards());
  }

  @Test
  void aShardThatIsAddedToSeveralRoutersLacksTheReferenceTables() {
    TableRule.Reference everywhere = new TableRule.Reference("countries");
    Topology more = topology.withEmptyShard(id("c"));

    assertThat(topology.withShard(id("c")).table("countries")).isEqualTo(everywhere);
    assertThat(more.epoch()).isEqualTo(2);
    assertThat(more.table("countries")).isEqualTo(everywhere.absentOn(id("c")));
    assertThat(more.withoutShard(id("c")).table("countries")).isEqualTo(everywhere);
    Topology joining = more.withRules(List.of(everywhere.joiningOn(id("c"))));
    assertThat(joining.epoch()).isEqualTo(3);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> joining.withoutShard(id("c")))
        .withMessageStartingWith("tables.countries.joining: c (expected: none; cancel the move");
    Topology alone =
        Topology.builder()
            .shard(id("a"))
            .shard(id("c"))
            .table(everywhere.absentOn(id("a")))
            .build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> alone.withoutShard(id("c")))
        .withMessage(
            "tables.countries: c alone has its rows (expected: a whole copy on another shard, too;"
                + " have a move copy it to one of [a] first, as by copy-reference)");
    assertThat(alone.withoutShard(id("a")).table("countries")).isEqualTo(everywhere);
  }

  @Test
  void aCopyIsReadWhereItIsAndWrittenWhereItJoins() {
    TableRule.Reference rule = new TableRule.Reference("t").absentOn(id("a")).joiningOn(id("b"));

    assertThat(ids("a", "b", "c").stream().filter(rule::isReadOn)).containsExactly(id("c"));
    assertThat(ids("a", "b", "c").stream().filter(rule::isWrittenOn))
        .containsExactlyElementsOf(ids("b", "c"));
    assertThat(rule.absentOn(id("b")).joining()).isEmpty();
    assertThat(rule.joiningOn(id("a")).absent()).isEmpty();
    assertThat(rule.thereOn(id("a")).thereOn(id("b")).isEverywhere()).isTrue();
  }

  @Test
  void refusesCopiesThatDoNotHoldTogether() {
    TableRule.Reference countries = new TableRule.Reference("countries");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> topology.withRules(List.of(countries.absentOn(id("z")))))
        .withMessage("tables.countries.absent: z (expected: one of [a, b])");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> topology.withRules(List.of(countries.absentOn(id("a")).joiningOn(id("b")))))
        .withMessageStartingWith("tables.countries: absent from [a, b] (expected: a whole copy");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TableRule.Reference("t", Set.of(id("a")), Set.of(id("a"))))
        .withMessage("table t, joining: [a] (expected: none of absent, [a])");
  }

  @Test
  void refusesWhatDoesNotHoldTogether() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> topology.withShard(id("a")))
        .withMessageContaining("shard: a");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> topology.withoutShard(id("a")))
        .withMessage("strategies.by_id: a (expected: one of [b])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> topology.withoutShard(id("z")))
        .withMessageContaining("shard: z");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Topology.builder().build())
        .withMessage("shards: none (expected: at least one)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Topology.builder().shard(id("a")).table(USERS).build())
        .withMessageContaining("tables.users.strategy: by_id (expected: one of [])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Topology.builder().table(USERS).table(USERS))
        .withMessage("table: users, twice (expected: once)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TableRule.Sharded("users", List.of(), "by_id"))
        .withMessageContaining("table users, key: none");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new TableRule.Sharded(
                    "users", List.of(KeyColumn.integer("id"), KeyColumn.text("ID")), "by_id"))
        .withMessage("table users, key: ID, twice (expected: each column once)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TableRule.Reference(" "))
        .withMessageContaining("expected: a name");
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(
            () ->
                Topology.builder()
                    .shard(id("a"))
                    .table(new TableRule.Pinned("audit", id("z")))
                    .build())
        .withMessage("tables.audit.pinned: z (expected: one of [a])");
  }
}
