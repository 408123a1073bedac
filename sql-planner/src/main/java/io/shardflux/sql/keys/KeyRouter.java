package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.syntax.Expr;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Says what a condition touches, for rows of one key or of tables with equal keys. */
@Internal
public final class KeyRouter {

  private static final int MAX_BOXES = 20_000;

  /** Pairs of boxes that one condition may have looked at. */
  private static final int MAX_PAIRS = 200_000;

  private static final Routing NOWHERE = new Routing.Nowhere();

  private final List<KeyPart> parts;
  private final KeyCondition condition;
  private final Routing everywhere;

  /** The value of a single-part key, if the condition is but {@code key = value}. */
  private final @Nullable Expr point;

  /**
   * A router.
   *
   * @param condition over the numbers of the key's parts
   */
  KeyRouter(List<KeyPart> parts, KeyCondition condition, Set<ShardId> shards) {
    this.parts = parts;
    this.condition = condition;
    this.everywhere = new Routing.Everywhere(shards);
    this.point =
        parts.size() == 1
                && condition instanceof KeyCondition.Points points
                && points.rows().size() == 1
                && !points.stored()
            ? points.rows().get(0).get(0)
            : null;
  }

  Routing route(Binds binds) {
    if (point != null) {
      Object value = equal(0, point, binds);
      if (value != KeyValue.NEVER && value != KeyValue.UNKNOWN) {
        ShardKey key = key(value);
        return key == null ? everywhere : new Routing.Keys(parts.get(0).table(), List.of(key));
      }
      return value == KeyValue.NEVER ? NOWHERE : everywhere;
    }
    List<@Nullable Object[]> boxes = boxes(condition, binds);
    if (boxes == null) {
      return everywhere;
    }
    return boxes.isEmpty() ? NOWHERE : route(boxes);
  }

  private Routing route(List<@Nullable Object[]> boxes) {
    Set<ShardKey> keys = new LinkedHashSet<>();
    for (@Nullable Object[] box : boxes) {
      Object[] values = values(box);
      ShardKey key = values.length == 0 ? null : key(values);
      if (key == null) {
        return ranges(boxes);
      }
      keys.add(key);
    }
    return new Routing.Keys(parts.get(0).table(), List.copyOf(keys));
  }

  /** The values of a box that has one value of each part; otherwise none. */
  private static Object[] values(@Nullable Object[] box) {
    List<Object> values = new ArrayList<>(box.length);
    for (Object part : box) {
      if (part == null || part instanceof Interval) {
        return new Object[0];
      }
      values.add(part);
    }
    return values.toArray();
  }

  private Routing ranges(List<@Nullable Object[]> boxes) {
    Set<KeyRange> ranges = new LinkedHashSet<>();
    for (@Nullable Object[] box : boxes) {
      KeyRange range = range(box[0]);
      if (range == null) {
        return everywhere;
      }
      ranges.add(range);
    }
    return new Routing.Ranges(parts.get(0).table(), List.copyOf(ranges));
  }

  private static @Nullable KeyRange range(@Nullable Object part) {
    Interval interval = part == null || part instanceof Interval ? (Interval) part : point(part);
    if (interval == null) {
      return null;
    }
    try {
      ShardKey from = interval.from() == null ? null : ShardKey.of(interval.from());
      ShardKey to = interval.to() == null ? null : ShardKey.of(interval.to());
      return new KeyRange(from, to);
    } catch (IllegalArgumentException e) {
      // A bound that no key can be, such as a year of five digits.
      return null;
    }
  }

  private static @Nullable Interval point(Object value) {
    Object after = after(value);
    return after == null ? null : new Interval(value, after);
  }

  private static @Nullable ShardKey key(Object... values) {
    try {
      return ShardKey.of(values);
    } catch (IllegalArgumentException e) {
      // Such a value can't be a key, but what the server makes of it isn't known here.
      return null;
    }
  }

  private Object equal(int part, Expr expr, Binds binds) {
    return equal(parts.get(part), KeyCondition.value(expr, binds));
  }

  /** Servers may round a value to the column's digits before they compare. */
  private static Object equal(KeyPart key, @Nullable Object value) {
    Object equal = KeyValue.equal(value, key.type(), key.padded());
    return KeyValue.isRounded(equal, key.columnType()) ? KeyValue.UNKNOWN : equal;
  }

  /**
   * The boxes that hold all keys of the condition: of each part a value, an {@link Interval}, or
   * null for any. Null if that is any key.
   */
  private @Nullable List<@Nullable Object[]> boxes(KeyCondition condition, Binds binds) {
    if (condition instanceof KeyCondition.Any) {
      return null;
    }
    if (condition instanceof KeyCondition.Never) {
      return List.of();
    }
    if (condition instanceof KeyCondition.And and) {
      return intersection(and.all(), binds);
    }
    if (condition instanceof KeyCondition.Or or) {
      return union(or.any(), binds);
    }
    if (condition instanceof KeyCondition.Points points) {
      return points(points, binds);
    }
    if (condition instanceof KeyCondition.Between between) {
      return between(between, binds);
    }
    return bound((KeyCondition.Bound) condition, binds);
  }

  /** Nothing is known of either bound if one is of another type, as both are compared so then. */
  private @Nullable List<@Nullable Object[]> between(KeyCondition.Between between, Binds binds) {
    List<@Nullable Object[]> low =
        bound(new KeyCondition.Bound(between.column(), ">=", between.low()), binds);
    List<@Nullable Object[]> high =
        bound(new KeyCondition.Bound(between.column(), "<=", between.high()), binds);
    return low == null || high == null ? null : intersection(low, high);
  }

  private @Nullable List<@Nullable Object[]> intersection(List<KeyCondition> all, Binds binds) {
    List<@Nullable Object[]> common = null;
    long pairs = 0;
    for (KeyCondition each : all) {
      List<@Nullable Object[]> boxes = boxes(each, binds);
      if (boxes == null) {
        continue;
      }
      pairs += common == null ? 0 : (long) common.size() * boxes.size();
      // A condition that is left out leaves more keys, never fewer.
      if (common == null || pairs <= MAX_PAIRS) {
        common = common == null ? boxes : intersection(common, boxes);
      }
    }
    return common;
  }

  private static List<@Nullable Object[]> intersection(
      List<@Nullable Object[]> left, List<@Nullable Object[]> right) {
    if ((long) left.size() * right.size() > MAX_BOXES) {
      // Either holds all keys of both.
      return left.size() <= right.size() ? left : right;
    }
    List<@Nullable Object[]> common = new ArrayList<>();
    for (@Nullable Object[] a : left) {
      for (@Nullable Object[] b : right) {
        @Nullable Object[] both = intersection(a, b);
        if (both.length > 0) {
          common.add(both);
        }
      }
    }
    return common;
  }

  /** The box in both, of no part if there is none. */
  private static @Nullable Object[] intersection(@Nullable Object[] a, @Nullable Object[] b) {
    @Nullable Object[] both = new Object[a.length];
    for (int i = 0; i < a.length; i++) {
      Object part = intersection(a[i], b[i]);
      if (part == KeyValue.NEVER) {
        return new Object[0];
      }
      both[i] = part;
    }
    return both;
  }

  private static @Nullable Object intersection(@Nullable Object a, @Nullable Object b) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    if (a instanceof Interval x) {
      return b instanceof Interval y ? x.and(y) : x.contains(b) ? b : KeyValue.NEVER;
    }
    if (b instanceof Interval y) {
      return y.contains(a) ? a : KeyValue.NEVER;
    }
    return KeyValue.compare(a, b) == 0 ? a : KeyValue.NEVER;
  }

  private @Nullable List<@Nullable Object[]> union(List<KeyCondition> any, Binds binds) {
    List<@Nullable Object[]> all = new ArrayList<>();
    for (KeyCondition each : any) {
      List<@Nullable Object[]> boxes = boxes(each, binds);
      if (boxes == null) {
        return null;
      }
      all.addAll(boxes);
    }
    return all;
  }

  private @Nullable List<@Nullable Object[]> points(KeyCondition.Points points, Binds binds) {
    List<@Nullable Object[]> boxes = new ArrayList<>();
    for (List<Expr> row : points.rows()) {
      @Nullable Object[] box = box(points, row, binds);
      if (box == null) {
        return null;
      }
      if (box.length > 0) {
        boxes.add(box);
      }
    }
    return boxes;
  }

  /** A row's box. It has no part if the row equals nothing, and is null if the row says nothing. */
  private @Nullable Object @Nullable [] box(
      KeyCondition.Points points, List<Expr> row, Binds binds) {
    @Nullable Object[] box = new Object[parts.size()];
    boolean says = false;
    for (int i = 0; i < row.size(); i++) {
      int part = points.columns().get(i);
      Object value =
          points.stored()
              ? stored(parts.get(part), KeyCondition.value(row.get(i), binds))
              : equal(part, row.get(i), binds);
      if (value == KeyValue.NEVER) {
        return new Object[0];
      }
      if (value != KeyValue.UNKNOWN) {
        Object both = intersection(box[part], value);
        if (both == KeyValue.NEVER) {
          return new Object[0];
        }
        box[part] = both;
        says = true;
      }
    }
    return says ? box : null;
  }

  /**
   * The key value that a column stores for a given one.
   *
   * @throws RefusedSqlException unless it stores just that
   */
  public static Object stored(KeyPart part, @Nullable Object value) {
    if (value == null) {
      throw new RefusedSqlException(RefusalCode.KEY_MISSING, part + " is NULL");
    }
    Object equal = KeyValue.equal(value, part.type(), part.padded());
    if (equal == KeyValue.NEVER
        || equal == KeyValue.UNKNOWN
        || !KeyValue.storedAsIs(value, equal, part.columnType())
        || !part.writes(equal)
        || key(equal) == null) {
      throw new RefusedSqlException(
          RefusalCode.KEY_VALUE,
          part + ": a " + shown(value) + " (expected: " + part.expected() + ")");
    }
    if (part.column().filling() == Catalog.Filling.NUMBERED && equal.equals(0L)) {
      throw new RefusedSqlException(RefusalCode.KEY_VALUE, part + ": 0, for an AUTO_INCREMENT");
    }
    return equal;
  }

  private static String shown(Object value) {
    return value instanceof byte[] bytes
        ? "value of " + bytes.length + " bytes"
        : value instanceof ByteBuffer bytes
            ? "value of " + bytes.remaining() + " bytes"
            : value.getClass().getSimpleName();
  }

  private @Nullable List<@Nullable Object[]> bound(KeyCondition.Bound bound, Binds binds) {
    KeyPart part = parts.get(bound.column());
    Object given = KeyCondition.value(bound.value(), binds);
    if (given == null) {
      return List.of();
    }
    Object value = equal(part, given);
    boolean ordered = part.type() != KeyType.UUID && part.ordered();
    if (value == KeyValue.NEVER || value == KeyValue.UNKNOWN || !ordered) {
      return null;
    }
    Interval interval = interval(bound.operator(), value, part.padded());
    if (interval == null) {
      return null;
    }
    @Nullable Object[] box = new Object[parts.size()];
    box[bound.column()] = interval;
    List<@Nullable Object[]> boxes = new ArrayList<>();
    boxes.add(box);
    return boxes;
  }

  /** The half-open interval of at least the values that compare so. */
  private static @Nullable Interval interval(String operator, Object value, boolean padded) {
    boolean lower = operator.startsWith(">");
    if (padded) {
      // Padded with spaces, a text is above its own beginnings that go on below a space.
      String text = (String) value;
      return lower ? new Interval(cut(text), null) : new Interval(null, text + " ");
    }
    if (operator.equals(">=") || operator.equals("<")) {
      return lower ? new Interval(value, null) : new Interval(null, value);
    }
    Object after = after(value);
    return after == null ? null : lower ? new Interval(after, null) : new Interval(null, after);
  }

  private static String cut(String text) {
    int end = 0;
    while (end < text.length() && text.charAt(end) >= ' ') {
      end++;
    }
    return text.substring(0, end);
  }

  /** The next value after one, null if none is known. */
  private static @Nullable Object after(Object value) {
    if (value instanceof Long number) {
      return number == Long.MAX_VALUE
          ? BigInteger.valueOf(number).add(BigInteger.ONE)
          : (Object) (number + 1);
    }
    if (value instanceof BigInteger number) {
      return number.add(BigInteger.ONE);
    }
    if (value instanceof String text) {
      return text + "\0";
    }
    if (value instanceof ByteBuffer bytes) {
      return ByteBuffer.wrap(KeyValue.array(bytes, 1));
    }
    if (value instanceof LocalDate date) {
      return date.plusDays(1);
    }
    if (value instanceof LocalDateTime dateTime) {
      return dateTime.plus(1, ChronoUnit.MICROS);
    }
    return value instanceof Instant instant ? instant.plus(1, ChronoUnit.MICROS) : null;
  }

  /** The values from one up to, not including, another; null for no bound. */
  private record Interval(@Nullable Object from, @Nullable Object to) {

    boolean contains(Object value) {
      return (from == null || KeyValue.compare(from, value) <= 0)
          && (to == null || KeyValue.compare(value, to) < 0);
    }

    Object and(Interval other) {
      Object low =
          from == null
              ? other.from
              : other.from == null || KeyValue.compare(from, other.from) >= 0 ? from : other.from;
      Object high =
          to == null
              ? other.to
              : other.to == null || KeyValue.compare(to, other.to) <= 0 ? to : other.to;
      return low != null && high != null && KeyValue.compare(low, high) >= 0
          ? KeyValue.NEVER
          : new Interval(low, high);
    }
  }
}
