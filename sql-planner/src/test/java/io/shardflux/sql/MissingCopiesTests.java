package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Reference tables of which a shard lacks its copy, or gets it, in all their combinations. */
class MissingCopiesTests {

  private static final List<ShardId> SHARDS = List.of(Shop.A, Shop.B, Shop.C);

  /** What a shard has of a table. */
  private enum Copy {
    THERE,
    JOINING,
    ABSENT
  }

  /** What each shard has of both tables. */
  private record Case(List<Copy> countries, List<Copy> cities) {

    Topology topology() {
      return Shop.TOPOLOGY.withRules(List.of(rule("countries", countries), rule("cities", cities)));
    }

    private static TableRule.Reference rule(String table, List<Copy> copies) {
      TableRule.Reference rule = new TableRule.Reference(table);
      for (int i = 0; i < copies.size(); i++) {
        rule =
            switch (copies.get(i)) {
              case THERE -> rule;
              case JOINING -> rule.joiningOn(SHARDS.get(i));
              case ABSENT -> rule.absentOn(SHARDS.get(i));
            };
      }
      return rule;
    }

    Set<ShardId> of(Predicate<Integer> wanted) {
      Set<ShardId> shards = new LinkedHashSet<>();
      for (int i = 0; i < SHARDS.size(); i++) {
        if (wanted.test(i)) {
          shards.add(SHARDS.get(i));
        }
      }
      return shards;
    }
  }

  static Stream<Case> cases() {
    List<List<Copy>> lists = new ArrayList<>();
    for (Copy b : Copy.values()) {
      for (Copy c : Copy.values()) {
        lists.add(List.of(Copy.THERE, b, c));
      }
    }
    return lists.stream().flatMap(one -> lists.stream().map(other -> new Case(one, other)));
  }

  private static Prepared prepare(Case of, String sql) {
    return SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, Shop.CATALOG, of.topology());
  }

  private static final Binds NONE = Binds.of(List.of());

  private static Set<ShardId> written(Case of, String sql) {
    Prepared prepared = prepare(of, sql);
    Routing routing = prepared.route(NONE, prepared.hints());
    Set<ShardId> shards = ((Routing.Everywhere) routing).shards();
    Plan plan = prepared.plan(NONE, prepared.hints(), List.copyOf(shards));
    assertThat(plan.parts()).extracting(Plan.Part::shard).containsExactlyElementsOf(shards);
    return shards;
  }

  private static void refused(Runnable work) {
    RefusedSqlException refused = assertThrows(RefusedSqlException.class, work::run);
    assertThat(refused.code()).isEqualTo(RefusalCode.COPY_MISSING);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aWriteGoesToAllCopiesThatAreThereOrJoin(Case of) {
    Set<ShardId> all = of.of(i -> of.countries.get(i) != Copy.ABSENT);
    for (String sql :
        List.of(
            "INSERT INTO countries VALUES ('de', 'x')",
            "REPLACE INTO countries VALUES ('de', 'x')",
            "UPDATE countries SET title = 'x'",
            "UPDATE countries a JOIN countries b ON a.code = b.code SET a.title = b.title",
            "DELETE FROM countries WHERE code = 'de'")) {
      assertThat(written(of, sql)).as(sql).isEqualTo(all);
    }
  }

  /** What a write takes from another reference table must be the same wherever it is written. */
  @ParameterizedTest
  @MethodSource("cases")
  void aWriteByAnotherTableNeedsThatOneToo(Case of) {
    String sql = "INSERT INTO countries SELECT title, 'x' FROM cities";
    boolean whole =
        of.of(
                i ->
                    switch (of.countries.get(i)) {
                      case ABSENT -> false;
                      case JOINING -> of.cities.get(i) == Copy.ABSENT;
                      case THERE -> of.cities.get(i) != Copy.THERE;
                    })
            .isEmpty();
    if (whole) {
      assertThat(written(of, sql)).isEqualTo(of.of(i -> of.countries.get(i) != Copy.ABSENT));
    } else {
      refused(() -> written(of, sql));
    }
  }

  /** Both may be changed, so that both must be as they are on the other shards. */
  @ParameterizedTest
  @MethodSource("cases")
  void aChangeOfSeveralTablesNeedsThemAlike(Case of) {
    String sql = "UPDATE countries a JOIN cities b ON a.title = b.title SET a.title = 'x'";
    if (of.countries.equals(of.cities)) {
      assertThat(written(of, sql)).isEqualTo(of.of(i -> of.countries.get(i) != Copy.ABSENT));
    } else {
      refused(() -> written(of, sql));
    }
  }

  /** Reads of one shard and of several, by themselves and joined, in and out of subqueries. */
  @ParameterizedTest
  @MethodSource("cases")
  void aReadGoesWhereAllItsTablesAre(Case of) {
    for (String sql :
        List.of(
            "SELECT title FROM countries",
            "SELECT u.id FROM users u JOIN countries c ON c.code = u.country",
            "SELECT id FROM users WHERE country IN (SELECT code FROM countries)",
            "SELECT v FROM config WHERE EXISTS (SELECT 1 FROM countries)",
            "UPDATE users SET age = 1 WHERE country IN (SELECT code FROM countries)",
            "SELECT a.title FROM countries a JOIN cities b ON a.title = b.title")) {
      boolean both = sql.contains("cities");
      for (ShardId shard : SHARDS) {
        int i = SHARDS.indexOf(shard);
        boolean there =
            of.countries.get(i) == Copy.THERE && !(both && of.cities.get(i) != Copy.THERE);
        readable(of, sql, Hints.builder().scatter(true).build(), shard, there);
        readable(of, sql, Hints.builder().shard(shard).build(), shard, there);
      }
    }
  }

  private static void readable(Case of, String sql, Hints hints, ShardId shard, boolean there) {
    Prepared prepared = prepare(of, sql);
    if (there) {
      assertThat(prepared.plan(NONE, hints, List.of(shard)).parts()).hasSize(1);
    } else {
      refused(() -> prepared.plan(NONE, hints, List.of(shard)));
    }
  }

  @Test
  void aHintSendsNoWriteWhereItsTableIsNot() {
    Case of =
        new Case(
            List.of(Copy.THERE, Copy.ABSENT, Copy.JOINING),
            List.of(Copy.THERE, Copy.THERE, Copy.THERE));
    Prepared prepared = prepare(of, "UPDATE countries SET title = 'x'");
    assertThat(prepared.plan(NONE, Hints.builder().shard(Shop.A).build(), List.of(Shop.A)).parts())
        .hasSize(1);
    for (ShardId shard : List.of(Shop.B, Shop.C)) {
      refused(() -> prepared.plan(NONE, Hints.builder().shard(shard).build(), List.of(shard)));
    }
  }

  @Test
  void theRefusalNamesTheTableTheShardAndTheWayOut() {
    Case of =
        new Case(
            List.of(Copy.THERE, Copy.ABSENT, Copy.THERE),
            List.of(Copy.THERE, Copy.THERE, Copy.THERE));
    RefusedSqlException refused =
        assertThrows(
            RefusedSqlException.class,
            () ->
                prepare(of, "SELECT u.id FROM users u JOIN countries c ON c.code = u.country")
                    .plan(NONE, Hints.builder().scatter(true).build(), SHARDS));
    assertThat(refused).hasMessageContaining("countries on b").hasMessageContaining("move");
  }
}
