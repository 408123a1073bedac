package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;

import io.shardflux.reshard.plan.Draft;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.reshard.plan.Passage;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What intents mean in a topology, without a server. */
class DraftTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final ShardId C = ShardId.of("c");
  private static final List<KeyColumn> ID = List.of(KeyColumn.integer("id"));

  private static final Topology TOPOLOGY =
      Topology.builder()
          .shard(A)
          .shard(B)
          .shard(C)
          .strategy("by_id", ShardingStrategy.hash(List.of(A, B)))
          .strategy("on_b", ShardingStrategy.fixed(B))
          .strategy("by_two", ShardingStrategy.modulo(List.of(A, C)))
          .table(new TableRule.Sharded("users", ID, "by_id"))
          .table(
              new TableRule.Sharded(
                  "pairs", List.of(KeyColumn.integer("a"), KeyColumn.integer("b")), "by_two"))
          .table(new TableRule.Pinned("settings", B))
          .table(new TableRule.Pinned("jobs", B))
          .table(new TableRule.Pinned("notes", C))
          .build();

  @Test
  void aShardThatGoesLosesEachStrategyAndThenItsPinnedTables() {
    List<Draft> parts = Draft.of(new Intent.RemoveShard(B, List.of()), TOPOLOGY);
    assertThat(parts)
        .extracting(Draft::kind, Draft::strategy, part -> part.next().shards().toString())
        .containsExactly(
            tuple(Kind.KEYS, "by_id", "[a]"),
            tuple(Kind.KEYS, "on_b", "[a]"),
            tuple(Kind.PINNED, "pinned_to_b", "[a]"));
    assertThat(parts.get(2).tables()).containsExactly("settings", "jobs");
    assertThat(Draft.of(new Intent.RemoveShard(B, List.of(C)), TOPOLOGY))
        .allMatch(part -> part.next().shards().contains(C));
  }

  @Test
  void tablesOfOnePlaceAreShardedTogetherAndIntoAStrategyThatIsThere() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(A, B));
    Passage passage =
        passage(
            new Intent.ShardTables(
                List.of(
                    new TableRule.Sharded("settings", ID, "by_id"),
                    new TableRule.Sharded("jobs", ID, "by_id")),
                next));
    Topology begun = passage.begun(TOPOLOGY);
    assertThat(begun.strategy("settings")).isSameAs(begun.strategy("jobs"));
    assertThat(begun.strategy("settings")).isInstanceOf(TransitionStrategy.class);
    assertThat(begun.strategy("users")).isNotInstanceOf(TransitionStrategy.class);
    Topology over = passage.finished(begun);
    assertThat(over.strategies()).containsOnlyKeys("by_id", "on_b", "by_two");
    assertThat(over.table("jobs")).isEqualTo(new TableRule.Sharded("jobs", ID, "by_id"));
    assertUndone(passage, begun);
  }

  @Test
  void tablesThatGoWholeArePinnedBeforeAndAfterwards() {
    Passage passage = passage(new Intent.MoveTables(List.of("settings", "jobs"), C));
    Topology begun = passage.begun(TOPOLOGY);
    assertThat(begun.locate("jobs", ShardKey.of("any", "key")).block(MoveFixture.BOUND))
        .isEqualTo(B);
    Topology over = passage.finished(begun);
    assertThat(over.strategies()).isEqualTo(TOPOLOGY.strategies());
    assertThat(over.table("jobs")).isEqualTo(new TableRule.Pinned("jobs", C));
    assertUndone(passage, begun);
  }

  /** What was planned before another move ended must not put anything back. */
  @Test
  void whatWasPlannedForAnotherTopologyDoesNotBegin() {
    ShardingStrategy next = ShardingStrategy.hash(List.of(A, B));
    Passage tables = passage(new Intent.MoveTables(List.of("settings", "jobs"), C));
    outdated(
        tables,
        TOPOLOGY.with("by_id", TOPOLOGY.strategy("users"), List.of(pinned("jobs"))),
        "tables: Pinned[table=jobs, shard=c] (expected: ");
    outdated(tables, tables.begun(TOPOLOGY), "tables: Sharded[table=");
    Passage keys = passage(new Intent.Change("by_id", next));
    outdated(
        keys,
        TOPOLOGY.withStrategy("by_id", ShardingStrategy.hash(List.of(A, C))),
        "strategies.by_id: ");
    Passage sharded =
        passage(
            new Intent.ShardTables(List.of(new TableRule.Sharded("settings", ID, "by_new")), next));
    outdated(
        sharded,
        TOPOLOGY.with("by_new", next, List.of(new TableRule.Sharded("jobs", ID, "by_new"))),
        "strategies.by_new: there");
  }

  private static TableRule pinned(String table) {
    return new TableRule.Pinned(table, C);
  }

  private static void outdated(Passage passage, Topology now, String message) {
    assertThatThrownBy(() -> passage.begun(now))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith(message);
  }

  private static void assertUndone(Passage passage, Topology begun) {
    Topology undone = passage.cancelled(begun, ShardingStrategy.fixed(B));
    assertThat(undone.tables()).isEqualTo(TOPOLOGY.tables());
    assertThat(undone.strategies()).isEqualTo(TOPOLOGY.strategies());
  }

  private static Passage passage(Intent intent) {
    Draft draft = Draft.of(intent, TOPOLOGY).get(0);
    List<TableRule.Sharded> rules =
        draft.tables().stream()
            .map(table -> new TableRule.Sharded(table, ID, draft.strategy()))
            .toList();
    return new Passage(
        draft.kind(),
        draft.strategy(),
        draft.tables(),
        draft.old(),
        draft.next(),
        rules,
        draft.into());
  }

  /** Three reference tables, of which shards lack some. */
  private static final Topology LACKING =
      TOPOLOGY
          .withRules(
              List.of(
                  new TableRule.Reference("countries").absentOn(C),
                  new TableRule.Reference("cities").absentOn(A).joiningOn(C),
                  new TableRule.Reference("everywhere")))
          .withEmptyShard(ShardId.of("d"));

  private static final ShardId D = ShardId.of("d");

  @Test
  void shardsThatGetKeysGetTheReferenceTablesFirst() {
    assertThat(Draft.of(new Intent.Spread("by_id", List.of(A, B, D)), LACKING))
        .extracting(Draft::kind, Draft::tables, DraftTests::places)
        .containsExactly(
            tuple(Kind.COPY, List.of("cities"), "[b] [a]"),
            tuple(Kind.COPY, List.of("countries", "cities", "everywhere"), "[b] [d]"),
            tuple(Kind.KEYS, List.of("users"), "[a, b] [a, b, d]"));
    assertThat(Draft.of(new Intent.MoveTables(List.of("jobs"), C), LACKING))
        .extracting(Draft::kind, Draft::tables, DraftTests::places)
        .containsExactly(
            tuple(Kind.COPY, List.of("countries", "cities"), "[b] [c]"),
            tuple(Kind.PINNED, List.of("jobs"), "[b] [c]"));
    assertThat(Draft.of(new Intent.MoveTables(List.of("notes"), B), LACKING)).hasSize(1);
  }

  private static String places(Draft draft) {
    return new TreeSet<>(draft.old().shards()) + " " + new TreeSet<>(draft.next().shards());
  }

  @Test
  void copiesJoinAndAreThereByThePassageOfTheirJob() {
    Draft draft = Draft.of(new Intent.CopyReference(List.of("countries"), C), LACKING).get(0);
    Passage passage =
        new Passage(
            draft.kind(),
            draft.strategy(),
            draft.tables(),
            draft.old(),
            draft.next(),
            draft.rules(),
            draft.into());
    assertThat(passage.unlike(LACKING)).isEmpty();
    assertThat(passage.isUnderWay(LACKING)).isFalse();
    Topology begun = passage.begun(LACKING);
    assertThat(passage.isUnderWay(begun)).isTrue();
    TableRule.Reference all = new TableRule.Reference("countries").absentOn(D);
    assertThat(begun.table("countries")).isEqualTo(all.joiningOn(C));
    assertThat(passage.cancelled(begun, draft.old()).tables()).isEqualTo(LACKING.tables());
    Topology there = passage.finished(begun);
    assertThat(there.table("countries")).isEqualTo(all);
    assertThat(there.table("cities")).isEqualTo(LACKING.table("cities"));
    assertThat(passage.unlike(there)).isPresent();
    assertThat(passage.isUnderWay(there)).isFalse();
  }

  @Test
  void noCopyIsMadeOfWhatIsThereOrNoReferenceTable() {
    refused(
        new Intent.CopyReference(List.of("everywhere"), C),
        LACKING,
        "table: everywhere on c (expected: a reference table, and a shard that has none of it)");
    refused(new Intent.CopyReference(List.of("users"), C), LACKING, "table: users on c");
    refused(
        new Intent.CopyReference(List.of("countries"), ShardId.of("z")),
        LACKING,
        "table: countries on z");
    refused(
        new Intent.CopyReference(List.of("lost"), C), LACKING, "table: lost (expected: one of [");
    refused(
        new Intent.CopyReference(List.of("countries", "cities"), D),
        LACKING.withRules(
            List.of(new TableRule.Reference("countries").absentOn(B).absentOn(C).absentOn(D))),
        "tables: [countries, cities] (expected: at least one table, and a shard that has all");
  }

  @Test
  void whatMeansNothingIsRefused() {
    refused(new Intent.MoveTables(List.of("users"), A), "table: users (expected: one that is pin");
    refused(new Intent.MoveTables(List.of("jobs", "notes"), A), "tables: [jobs, notes], pinned to");
    refused(new Intent.MoveTables(List.of("jobs"), B), "shard: b (expected: one of [a, b, c], an");
    refused(new Intent.MoveTables(List.of("lost"), B), "table: lost (expected: one of [");
    refused(
        new Intent.ShardTables(
            List.of(new TableRule.Sharded("jobs", ID, "by_id")),
            ShardingStrategy.hash(List.of(B, A))),
        "strategy: by_id, hash");
    refused(new Intent.RemoveShard(ShardId.of("d"), List.of()), "shard: d (expected: one of [a, b");
    refused(
        new Intent.Isolate("by_two", ShardKey.of(1), A),
        "strategy: a modulo (expected: tenants, where keys have 2 parts;");
    refused(
        new Intent.RemoveShard(A, List.of()),
        Topology.builder().shard(A).shard(B).build(),
        "shard: a, without a strategy or a pinned table");
    refused(
        new Intent.RemoveShard(A, List.of()),
        Topology.builder().shard(A).build(),
        "shard: a, the only one (expected: another one");
  }

  /** A key that it gets while rows move would be at no trigger, and deleted at the end. */
  @Test
  void whatADirectoryHasDoesNotMove() {
    ShardingStrategy directory = ShardingStrategy.directory(new OnA(), List.of(A, B)).build();
    ShardingStrategy inside =
        ShardingStrategy.tenant(Map.of(ShardKey.of(1), ShardingStrategy.fixed(A)), directory);
    Topology now =
        Topology.builder()
            .shard(A)
            .shard(B)
            .strategy("asked", directory)
            .strategy("inside", inside)
            .strategy("hashed", ShardingStrategy.hash(List.of(A)))
            .table(new TableRule.Pinned("jobs", A))
            .build();
    ShardingStrategy hash = ShardingStrategy.hash(List.of(A, B));
    refused(new Intent.Change("asked", hash), now, "strategy: asked, directory");
    refused(new Intent.Change("inside", hash), now, "strategy: inside, tenant");
    refused(new Intent.Change("hashed", directory), now, "strategy: hashed, directory");
    refused(new Intent.Isolate("asked", ShardKey.of(7), B), now, "strategy: asked, directory");
    refused(
        new Intent.ShardTables(List.of(new TableRule.Sharded("jobs", ID, "new")), directory),
        now,
        "strategy: new, directory");
  }

  private record OnA() implements ShardDirectory {

    @Override
    public Mono<ShardId> find(ShardKey key) {
      return Mono.just(A);
    }

    @Override
    public Mono<ShardId> assign(ShardKey key, ShardId shard) {
      return Mono.just(A);
    }

    @Override
    public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
      return Mono.just(false);
    }

    @Override
    public Flux<ShardKey> assigned(ShardId shard) {
      return Flux.empty();
    }
  }

  /** Nobody but the shard that goes has the rows. */
  @Test
  void theLastCopyIsMadeElsewhereBeforeItsShardGoes() {
    Topology now =
        Topology.builder()
            .shard(A)
            .shard(B)
            .shard(C)
            .table(new TableRule.Reference("countries").absentOn(B).absentOn(C))
            .table(new TableRule.Reference("cities").absentOn(B))
            .build();
    List<Draft> parts = Draft.of(new Intent.RemoveShard(A, List.of()), now);
    assertThat(parts).hasSize(1);
    assertThat(parts.get(0).kind()).isEqualTo(MovePlan.Kind.COPY);
    assertThat(parts.get(0).tables()).containsExactly("countries");
    assertThat(parts.get(0).next().shards()).containsExactly(B);
    assertThat(Draft.of(new Intent.RemoveShard(A, List.of(C)), now).get(0).next().shards())
        .containsExactly(C);
  }

  private static void refused(Intent intent, String message) {
    refused(intent, TOPOLOGY, message);
  }

  private static void refused(Intent intent, Topology topology, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Draft.of(intent, topology))
        .withMessageStartingWith(message);
  }
}
