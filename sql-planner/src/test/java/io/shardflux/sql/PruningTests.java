package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardKey;
import io.shardflux.sql.statement.Routing;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;

/** Whatever the condition, every row that satisfies it is on a shard that is asked. */
class PruningTests {

  private static final List<Integer> VALUES = List.of(0, 1, 2, 99, 100, 101, 199, 200, 250);

  /** A condition as SQL has it, with what it is for a row: true, false or null. */
  sealed interface Condition {
    String sql();

    @Nullable Boolean of(int key, @Nullable Integer other);
  }

  record Compared(String column, String operator, @Nullable Integer value, boolean mirrored)
      implements Condition {

    @Override
    public String sql() {
      String right = value == null ? "NULL" : value.toString();
      return mirrored
          ? right + " " + operator + " " + column
          : column + " " + operator + " " + right;
    }

    @Override
    public @Nullable Boolean of(int key, @Nullable Integer other) {
      Integer left = column.equals("k") ? Integer.valueOf(key) : other;
      if (operator.equals("<=>")) {
        return java.util.Objects.equals(left, value);
      }
      if (left == null || value == null) {
        return null;
      }
      int order = mirrored ? value.compareTo(left) : left.compareTo(value);
      return switch (operator) {
        case "=" -> order == 0;
        case "<>" -> order != 0;
        case "<" -> order < 0;
        case "<=" -> order <= 0;
        case ">" -> order > 0;
        default -> order >= 0;
      };
    }
  }

  record Listed(String column, boolean negated, List<Integer> values) implements Condition {

    @Override
    public String sql() {
      String listed = values.stream().map(String::valueOf).collect(Collectors.joining(", "));
      return column + (negated ? " NOT IN (" : " IN (") + listed + ")";
    }

    @Override
    public @Nullable Boolean of(int key, @Nullable Integer other) {
      Integer left = column.equals("k") ? Integer.valueOf(key) : other;
      return left == null ? null : (Boolean) (values.contains(left) != negated);
    }
  }

  record Between(int low, int high) implements Condition {

    @Override
    public String sql() {
      return "k BETWEEN " + low + " AND " + high;
    }

    @Override
    public Boolean of(int key, @Nullable Integer other) {
      return low <= key && key <= high;
    }
  }

  record Not(Condition inner) implements Condition {

    @Override
    public String sql() {
      return "NOT (" + inner.sql() + ")";
    }

    @Override
    public @Nullable Boolean of(int key, @Nullable Integer other) {
      Boolean value = inner.of(key, other);
      return value == null ? null : (Boolean) !value;
    }
  }

  record Joined(boolean and, Condition left, Condition right, boolean parentheses)
      implements Condition {

    @Override
    public String sql() {
      String sql = left.sql() + (and ? " AND " : " OR ") + right.sql();
      return parentheses ? "(" + sql + ")" : sql;
    }

    @Override
    public @Nullable Boolean of(int key, @Nullable Integer other) {
      Boolean a = left.of(key, other);
      Boolean b = right.of(key, other);
      Boolean decisive = !and;
      if (decisive.equals(a) || decisive.equals(b)) {
        return decisive;
      }
      boolean known = a != null && b != null;
      return known ? (Boolean) and : null;
    }
  }

  @Provide
  Arbitrary<Condition> conditions() {
    return conditions(4);
  }

  private static Arbitrary<Condition> conditions(int depth) {
    Arbitrary<String> columns = Arbitraries.of("k", "k", "k", "o");
    Arbitrary<Condition> leaf =
        Arbitraries.oneOf(
            Combinators.combine(
                    columns,
                    Arbitraries.of("=", "=", "<>", "<", "<=", ">", ">=", "<=>"),
                    Arbitraries.of(VALUES).injectNull(0.1),
                    Arbitraries.of(true, false))
                .as(Compared::new),
            Combinators.combine(
                    columns,
                    Arbitraries.of(true, false),
                    Arbitraries.of(VALUES).list().ofMinSize(1).ofMaxSize(3))
                .as(Listed::new),
            Combinators.combine(Arbitraries.of(VALUES), Arbitraries.of(VALUES)).as(Between::new));
    if (depth == 0) {
      return leaf;
    }
    Arbitrary<Condition> inner = conditions(depth - 1);
    return Arbitraries.oneOf(
        leaf,
        inner.map(Not::new),
        // Always in parentheses, so that the text means what the tree does.
        Combinators.combine(Arbitraries.of(true, false), inner, inner)
            .as((and, left, right) -> new Joined(and, left, right, true)));
  }

  @Property(tries = 1000, edgeCases = EdgeCasesMode.NONE)
  void asksTheShardOfEveryRowByHash(@ForAll("conditions") Condition condition) {
    check("users", "id", "age", condition);
  }

  @Property(tries = 1000, edgeCases = EdgeCasesMode.NONE)
  void asksTheShardOfEveryRowByRange(@ForAll("conditions") Condition condition) {
    check("events", "at", "LENGTH(what)", condition);
  }

  private static void check(String table, String key, String other, Condition condition) {
    String where = condition.sql().replaceAll("\\bk\\b", key).replaceAll("\\bo\\b", other);
    Routing routing = Shop.route("SELECT * FROM " + table + " WHERE " + where);
    Set<String> asked =
        Shop.shards(routing).stream()
            .map(Object::toString)
            .collect(Collectors.toCollection(TreeSet::new));
    for (int value = -1; value <= 260; value++) {
      for (Integer with : new Integer[] {null, 0, 1, 100, 300}) {
        if (Boolean.TRUE.equals(condition.of(value, with))) {
          ShardKey row = ShardKey.of(value);
          assertThat(routing).isNotInstanceOf(Routing.Nowhere.class);
          assertThat(asked).contains(Shop.locate(table, row).toString());
          assertThat(holds(routing, row)).isTrue();
        }
      }
    }
  }

  private static boolean holds(Routing routing, ShardKey key) {
    if (routing instanceof Routing.Keys keys) {
      return keys.keys().contains(key);
    }
    return !(routing instanceof Routing.Ranges ranges)
        || ranges.ranges().stream().anyMatch(range -> isIn(range, (Long) key.part(0)));
  }

  private static boolean isIn(KeyRange range, long value) {
    return (range.from() == null || (Long) range.from().part(0) <= value)
        && (range.to() == null || value < (Long) range.to().part(0));
  }
}
