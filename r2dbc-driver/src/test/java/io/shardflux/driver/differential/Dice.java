package io.shardflux.driver.differential;

import io.shardflux.driver.differential.Generated.Value;
import java.math.BigInteger;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** The choices of one statement, and the values that it binds. */
final class Dice {

  private final Random random;
  private final boolean binding;
  private final List<Value> bound = new ArrayList<>();

  Dice(Random random) {
    this.random = random;
    this.binding = random.nextInt(3) > 0;
  }

  List<Value> bound() {
    return List.copyOf(bound);
  }

  int below(int bound) {
    return random.nextInt(bound);
  }

  boolean percent(int chance) {
    return random.nextInt(100) < chance;
  }

  @SafeVarargs
  final <T> T pick(T... some) {
    return some[random.nextInt(some.length)];
  }

  <T> T pick(List<T> some) {
    return some.get(random.nextInt(some.size()));
  }

  /** From one to so many of them, each once. */
  <T> List<T> some(List<T> all, int most) {
    List<T> left = new ArrayList<>(all);
    List<T> some = new ArrayList<>();
    for (int i = 1 + random.nextInt(most); i > 0 && !left.isEmpty(); i--) {
      some.add(left.remove(random.nextInt(left.size())));
    }
    return some;
  }

  <T> List<T> shuffled(List<T> all) {
    List<T> shuffled = new ArrayList<>(all);
    Collections.shuffle(shuffled, random);
    return shuffled;
  }

  /** A column's value, bound or written. */
  String value(Column column) {
    return value(of(column), column);
  }

  String value(@Nullable Object value, Column column) {
    if (value == null) {
      return binding && percent(50) ? bind(new Value(null, type(column))) : "NULL";
    }
    return value(value);
  }

  /** One of a column's values, now and then null. */
  @Nullable Object of(Column column) {
    return percent(4) ? null : some(column);
  }

  /** One of a column's values, not null. */
  Object some(Column column) {
    Object value = pick(column.values());
    return value == null ? some(column) : value;
  }

  String value(Object value) {
    if (binding && percent(60)) {
      Object given = retyped(value);
      return bind(new Value(given, given.getClass()));
    }
    return percent(75) || value instanceof String ? Literals.plain(value) : Literals.other(value);
  }

  /** A value that names a key: an instant is bound, as text has no zone. */
  String key(Object value) {
    return value instanceof Instant ? bind(new Value(value, value.getClass())) : value(value);
  }

  private String bind(Value value) {
    bound.add(value);
    return Generated.marker(bound.size() - 1);
  }

  private Object retyped(Object value) {
    if (value instanceof Instant at && random.nextBoolean()) {
      return at.atOffset(ZoneOffset.ofHours(random.nextInt(5)));
    }
    if (!(value instanceof Integer number)) {
      return value;
    }
    return switch (random.nextInt(4)) {
      case 0 -> Long.valueOf(number);
      case 1 -> BigInteger.valueOf(number);
      case 2 -> number == number.shortValue() ? (Object) number.shortValue() : number;
      default -> number;
    };
  }

  private static Class<?> type(Column column) {
    for (Object value : column.values()) {
      if (value != null) {
        return value.getClass();
      }
    }
    throw new IllegalArgumentException(column.name() + ": no value but null");
  }
}
