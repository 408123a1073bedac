package io.shardflux.sql.statement;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The values of a statement's markers, by the index from 0 of {@code Prepared.markers}. Immutable.
 *
 * <p>A value is what the driver would send: {@code null} for NULL, a number, {@code String}, {@code
 * UUID}, a date or time, and so on. A value that isn't of a key's type is sent, but does not route.
 */
public final class Binds {

  /** No values. */
  public static final Binds NONE = new Binds(new Object[0]);

  private final @Nullable Object[] values;

  private Binds(@Nullable Object[] values) {
    this.values = values;
  }

  /**
   * {@return values in the order of the markers}
   *
   * @param values the bound values; a null is NULL
   */
  public static Binds of(@Nullable Object... values) {
    return new Binds(values.clone());
  }

  /**
   * {@return values in the order of the markers}
   *
   * @param values the bound values; a null is NULL
   */
  public static Binds of(List<? extends @Nullable Object> values) {
    return new Binds(values.toArray());
  }

  /** {@return the number of values} */
  public int size() {
    return values.length;
  }

  /**
   * {@return the value at an index from 0}
   *
   * @param index from 0, below {@link #size()}
   */
  public @Nullable Object get(int index) {
    return values[index];
  }

  /** The number of values, never the values. */
  @Override
  public String toString() {
    return values.length + " values";
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Binds binds && Arrays.equals(values, binds.values);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(values);
  }
}
