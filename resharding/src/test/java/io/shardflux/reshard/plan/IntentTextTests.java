package io.shardflux.reshard.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class IntentTextTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");

  static Stream<Arguments> intents() {
    return Stream.of(
        Arguments.of("{spread: s, shards: [a, b]}", new Intent.Spread("s", List.of(A, B))),
        Arguments.of(
            "{\"reweight\": \"s\", \"weights\": {\"a\": 1, \"b\": 3}}",
            new Intent.Reweight("s", Map.of(A, 1, B, 3))),
        Arguments.of(
            "{move-slots: s, first: 0, last: 7, to: b}", new Intent.MoveSlots("s", 0, 7, B)),
        Arguments.of(
            "{move-range: s, from: 5, below: 9, to: b}",
            new Intent.MoveRange("s", KeyRange.of(5, 9), B)),
        Arguments.of(
            "{move-range: s, key: date, from: 2026-01-31, to: b}",
            new Intent.MoveRange("s", KeyRange.from(LocalDate.of(2026, 1, 31)), B)),
        Arguments.of(
            "{isolate: s, tenant: 0123, to: b}", new Intent.Isolate("s", ShardKey.of("0123"), B)),
        Arguments.of(
            "{isolate: s, key: integer, tenant: 42, to: b}",
            new Intent.Isolate("s", ShardKey.of(42), B)),
        Arguments.of(
            "{move-keys: s, keys: [5, -7], to: b}",
            new Intent.MoveKeys("s", List.of(ShardKey.of(5), ShardKey.of(-7)), B)),
        Arguments.of(
            "{move-keys: s, key: [text, integer], keys: [[x, 1]], to: b}",
            new Intent.MoveKeys("s", List.of(ShardKey.of("x", 1)), B)),
        Arguments.of("{remove-shard: a}", new Intent.RemoveShard(A, List.of())),
        Arguments.of("{remove-shard: a, heirs: [b]}", new Intent.RemoveShard(A, List.of(B))),
        Arguments.of(
            "{copy-reference: [x, y], to: b}", new Intent.CopyReference(List.of("x", "y"), B)),
        Arguments.of("{move-tables: [x, y], to: b}", new Intent.MoveTables(List.of("x", "y"), B)));
  }

  @ParameterizedTest
  @MethodSource("intents")
  void anIntentIsWrittenAsAMap(String text, Intent intent) {
    assertThat(Intent.parse(text)).isEqualTo(intent);
  }

  @Test
  void strategiesAndRulesAreWrittenAsInADocument() {
    Intent.ShardTables tables =
        (Intent.ShardTables)
            Intent.parse(
                "{shard-tables: s, tables: {users: {id: integer}, pairs: [{a: text}, {b: uuid}]},"
                    + " next: {type: hash, shards: [a, b]}}");
    assertThat(tables.tables())
        .containsExactly(
            new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "s"),
            new TableRule.Sharded(
                "pairs",
                List.of(KeyColumn.text("a"), new KeyColumn("b", io.shardflux.router.KeyType.UUID)),
                "s"));
    assertThat(tables.next()).hasToString(ShardingStrategy.hash(List.of(A, B)).toString());
    assertThat(((Intent.Change) Intent.parse("{change: s, next: {type: fixed, shard: a}}")).next())
        .hasToString("fixed[a]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "x; text: no map (expected: a map in YAML or JSON)",
        "{}; intent: [] (expected: exactly one of [change, copy-reference, isolate, move-keys, m",
        "{copy-reference: x, to: a}; copy-reference: x (expected: a list of texts)",
        "{copy-reference: [x]}; to: null (expected: a text)",
        "{spread: s, change: s}; intent: [spread, change] (expected: exactly one of",
        "{spread: s, to: a}; spread: [to] (expected: no other keys than [shards])",
        "{spread: s}; shards: null (expected: a list of texts)",
        "{move-slots: s, first: x, last: 1, to: a}; first: x (expected: a whole number)",
        "{isolate: s, key: integer, tenant: x, to: a}; tenant: x (expected: a key of the type INT",
        "{isolate: s, key: number, tenant: 1, to: a}; key: number (expected: one of [INTEGER, ",
        "{move-keys: s, keys: [], to: a}; keys: [] (expected: a list of keys)",
        "{move-keys: s, keys: [x], to: a}; keys: x (expected: a key of the type INTEGER)",
        "{move-keys: s, key: [text, text], keys: [x], to: a}; keys: x (expected: keys of the types",
        "{change: s, next: {type: hsh}}; strategies.s.type: hsh (expected: one of",
        "{change: s}; next: null (expected: a map)"
      })
  void whatIsMalformedIsRefused(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Intent.parse(text))
        .withMessageStartingWith(message);
  }
}
