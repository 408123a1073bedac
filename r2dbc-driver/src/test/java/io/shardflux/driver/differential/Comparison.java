package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Answer.Broken;
import io.shardflux.driver.differential.Answer.Changed;
import io.shardflux.driver.differential.Answer.Failed;
import io.shardflux.driver.differential.Answer.Rows;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Compares the driver's answer with that of one database; finds the first difference. */
final class Comparison {

  private static final String INTEGER_TYPE =
      " (TINYINT|SMALLINT|MEDIUMINT|INT|BIGINT|YEAR)(_UNSIGNED)?"
          + " class java.lang.(Boolean|Byte|Short|Integer|Long)$|"
          + " BIGINT_UNSIGNED class java.math.BigInteger$|"
          + " BIT class java.nio.ByteBuffer$";

  private static final String TEXT_TYPE =
      " ((ENUM|VARCHAR|(MEDIUM|LONG)?TEXT) class java.lang.String|SET class"
          + " \\[Ljava.lang.String;)$";

  private final Map<Kind, Map<String, Integer>> weights;

  /**
   * @param weights the place of each text in a collation's order, the same for texts that are equal
   */
  Comparison(Map<Kind, Map<String, Integer>> weights) {
    this.weights = weights;
  }

  /** The first difference, or null if there is none. */
  @Nullable String difference(Answer whole, Answer sharded, @Nullable Expected expected) {
    if (whole instanceof Rows one && sharded instanceof Rows other && expected != null) {
      // Without a row nothing tells the columns, and of a slice one side may have none.
      boolean untold = one.rows().isEmpty() || other.rows().isEmpty();
      if (!untold && !widened(one.columns()).equals(widened(other.columns()))) {
        return "columns " + one.columns() + ", sharded " + other.columns();
      }
      String mixed = mixed(other.rows());
      return mixed == null ? rows(one.rows(), other.rows(), expected) : mixed;
    }
    if (whole instanceof Changed one && sharded instanceof Changed other) {
      return one.rows() == other.rows()
          ? null
          : "changed " + one.rows() + ", sharded " + other.rows();
    }
    if (whole instanceof Failed one && sharded instanceof Failed other) {
      return one.code() == other.code() ? null : one + ", sharded " + other;
    }
    return shown(whole) + ", sharded " + shown(sharded);
  }

  /**
   * How wide an integer is, whether it is a {@code BIT}, and whether a text is an {@code ENUM} or
   * {@code SET} and how long it may be, hangs on how a server comes to it: what goes through a
   * temporary table loses the width that tells a truth value, and may gain another type.
   */
  private static List<String> widened(List<String> columns) {
    return columns.stream()
        .map(column -> column.replaceFirst(INTEGER_TYPE, " an integer"))
        .map(column -> column.replaceFirst(TEXT_TYPE, " text"))
        .toList();
  }

  /** A column whose values are not all of one type. */
  private static @Nullable String mixed(List<List<@Nullable Object>> rows) {
    Map<Integer, Class<?>> types = new HashMap<>();
    for (List<@Nullable Object> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        Object value = row.get(i);
        Class<?> first = value == null ? null : types.putIfAbsent(i, value.getClass());
        if (value != null && first != null && first != value.getClass()) {
          return "column " + i + ": sharded some " + first + ", some " + value.getClass();
        }
      }
    }
    return null;
  }

  private static String shown(Answer answer) {
    if (answer instanceof Rows rows) {
      return rows.rows().size() + " rows " + rows.rows().stream().limit(3).toList();
    }
    return answer instanceof Broken broken ? "broken: " + broken.error() : answer.toString();
  }

  private @Nullable String rows(
      List<List<@Nullable Object>> whole, List<List<@Nullable Object>> sharded, Expected expected) {
    List<List<@Nullable Object>> one = folded(whole, expected);
    List<List<@Nullable Object>> other = folded(sharded, expected);
    Expected.Slice slice = expected.slice();
    if (slice == null) {
      return one.size() == other.size()
          ? inOrder(one, other, expected)
          : one.size() + " rows, sharded " + other.size() + first(one, other);
    }
    int from = Math.min(slice.offset(), one.size());
    List<List<@Nullable Object>> cut =
        one.subList(from, Math.min(from + slice.limit(), one.size()));
    if (cut.size() != other.size()) {
      return cut.size() + " rows of " + one.size() + ", sharded " + other.size();
    }
    String strange = missing(one, other);
    return strange != null ? strange : keys(cut, other, expected.keys());
  }

  private static @Nullable String inOrder(
      List<List<@Nullable Object>> one, List<List<@Nullable Object>> other, Expected expected) {
    if (expected.order() == Expected.Order.TOTAL) {
      return list(one, other);
    }
    String strange = missing(one, other);
    return strange != null ? strange : keys(one, other, expected.keys());
  }

  private static @Nullable String list(
      List<List<@Nullable Object>> one, List<List<@Nullable Object>> other) {
    for (int i = 0; i < one.size(); i++) {
      if (!one.get(i).equals(other.get(i))) {
        return "row " + i + " of " + one.size() + ": " + one.get(i) + ", sharded " + other.get(i);
      }
    }
    return null;
  }

  private static @Nullable String keys(
      List<List<@Nullable Object>> one, List<List<@Nullable Object>> other, List<Integer> keys) {
    return list(only(one, keys), only(other, keys));
  }

  private static List<List<@Nullable Object>> only(
      List<List<@Nullable Object>> rows, List<Integer> columns) {
    List<List<@Nullable Object>> all = new ArrayList<>();
    for (List<@Nullable Object> row : rows) {
      List<@Nullable Object> some = new ArrayList<>();
      columns.forEach(column -> some.add(row.get(column)));
      all.add(some);
    }
    return all;
  }

  /** The first of the others that is not among the ones, or more often than there. */
  private static @Nullable String missing(
      List<List<@Nullable Object>> ones, List<List<@Nullable Object>> others) {
    Map<List<@Nullable Object>, Integer> counts = new HashMap<>();
    ones.forEach(row -> counts.merge(row, 1, Integer::sum));
    for (List<@Nullable Object> row : others) {
      if (counts.merge(row, -1, Integer::sum) < 0) {
        return "no such row, or not so often: sharded " + row + first(ones, others);
      }
    }
    return null;
  }

  private static String first(
      List<List<@Nullable Object>> one, List<List<@Nullable Object>> other) {
    return "\n    whole   "
        + one.stream().limit(6).toList()
        + "\n    sharded "
        + other.stream().limit(6).toList();
  }

  private List<List<@Nullable Object>> folded(
      List<List<@Nullable Object>> rows, Expected expected) {
    List<List<@Nullable Object>> all = new ArrayList<>();
    for (List<@Nullable Object> row : rows) {
      List<@Nullable Object> copy = new ArrayList<>();
      for (int i = 0; i < row.size(); i++) {
        copy.add(folded(row.get(i), expected.folded().get(i)));
      }
      all.add(copy);
    }
    return all;
  }

  private @Nullable Object folded(@Nullable Object value, @Nullable Kind kind) {
    if (value instanceof Boolean flag) {
      return flag ? BigInteger.ONE : BigInteger.ZERO;
    }
    if (value instanceof Byte
        || value instanceof Short
        || value instanceof Integer
        || value instanceof Long) {
      return BigInteger.valueOf(((Number) value).longValue());
    }
    if (value instanceof Double real && real == 0) {
      // Of zeros that are equal one server too gives whichever it meets first.
      return 0.0;
    }
    if (kind == Kind.BITS && value instanceof ByteBuffer bits) {
      return new BigInteger(1, Literals.bytes(bits));
    }
    Integer weight =
        kind != null && value instanceof String text
            ? weights.getOrDefault(kind, Map.of()).get(text)
            : null;
    return weight != null ? weight : value;
  }
}
