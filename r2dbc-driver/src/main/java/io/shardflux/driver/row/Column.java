package io.shardflux.driver.row;

import io.asyncer.r2dbc.mysql.constant.MySqlType;
import io.r2dbc.spi.ColumnMetadata;
import io.r2dbc.spi.Nullability;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.Type;
import io.shardflux.router.Internal;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A column as a shard describes it. It knows how its values are read without loss and given as the
 * driver gives them. A {@code TIME} is read as a duration, a {@code TINYINT(1)} as a number: the
 * driver's defaults can't be compared or grouped by.
 */
@Internal
public final class Column implements ColumnMetadata {

  /** The number of digits that a server names for a double that is shown whole. */
  private static final int ALL_DIGITS = 31;

  private final String name;
  private final Type type;
  private final Nullability nullability;
  private final @Nullable Integer precision;
  private final @Nullable Integer scale;
  private final @Nullable Class<?> javaType;
  private final @Nullable Object nativeType;
  // Of the session, known from the first value on.
  private volatile @Nullable ZoneId zone;
  private volatile boolean flag;

  public Column(ColumnMetadata column) {
    this.name = column.getName();
    this.type = column.getType();
    this.nullability = column.getNullability();
    this.precision = column.getPrecision();
    this.scale = column.getScale();
    this.javaType = column.getJavaType();
    this.nativeType = column.getNativeTypeMetadata();
  }

  /** A column of text that no shard has. */
  public Column(String name) {
    this.name = name;
    this.type = MySqlType.VARCHAR;
    this.nullability = Nullability.NULLABLE;
    this.precision = null;
    this.scale = null;
    this.javaType = String.class;
    this.nativeType = null;
  }

  /** A row's value of this column, which outlives the row. */
  @Nullable Object read(Row row, int index) {
    if (type == MySqlType.TIME) {
      return row.get(index, Duration.class);
    }
    Object value = row.get(index);
    if (value instanceof Boolean && type == MySqlType.TINYINT) {
      flag |= oneBit();
      return row.get(index, Byte.class);
    }
    if (value instanceof ZonedDateTime instant) {
      zone = instant.getZone();
    } else if (value instanceof LocalDateTime && zone == null) {
      zone = zone(row, index);
    }
    return value;
  }

  /**
   * A value of this column in another server's row, whose column is of that type. A temporary table
   * makes of a number, a {@code BIT} or a {@code SET} what the server's way to it had.
   */
  @Nullable
  public Object read(Row row, int index, Type other) {
    if (other == type || !(type instanceof MySqlType mine)) {
      return read(row, index);
    }
    if (mine == MySqlType.BIT && numeric(other)) {
      return bits(row.get(index, Long.class));
    }
    if (mine.isNumeric() && other == MySqlType.BIT) {
      byte[] bits = row.get(index, byte[].class);
      return bits == null ? null : Values.number(new BigInteger(1, bits), mine.getJavaType(), this);
    }
    if (mine.isNumeric() && numeric(other)) {
      return row.get(index, mine.getJavaType());
    }
    Object value = read(row, index);
    if (value instanceof String text && mine == MySqlType.SET) {
      return text.isEmpty() ? new String[0] : text.split(",", -1);
    }
    return value instanceof String[] names && mine != MySqlType.SET
        ? String.join(",", names)
        : value;
  }

  /** A number as the bytes that a {@code BIT} is read as, or as the truth value that one bit is. */
  private @Nullable Object bits(@Nullable Long number) {
    if (number == null || oneBit()) {
      return number == null ? null : (Object) (number != 0);
    }
    int bytes = precision == null ? Long.BYTES : (precision + Byte.SIZE - 1) / Byte.SIZE;
    byte[] all = ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    return ByteBuffer.wrap(Arrays.copyOfRange(all, Long.BYTES - bytes, Long.BYTES));
  }

  /**
   * A number in the form of this column, where it was computed of several shards' numbers.
   *
   * @throws R2dbcDataIntegrityViolationException if the column can't hold such a number, as one
   *     server fails too
   */
  @Nullable
  public Object fitted(Number number) {
    if (!(type instanceof MySqlType mine)) {
      return number;
    }
    if (mine.getName().contains("UNSIGNED") && Values.decimal(number).signum() < 0) {
      throw new R2dbcDataIntegrityViolationException(
          name + ": " + number + " (expected: a value of " + mine.getName() + ")", "22003", 1690);
    }
    if (mine == MySqlType.BIGINT) {
      return number instanceof Long ? number : (Object) Values.decimal(number).longValueExact();
    }
    Object fitted = Values.number(number, mine.getJavaType(), this);
    if (fitted instanceof Double real && mine == MySqlType.DOUBLE) {
      return cut(real);
    }
    return fitted instanceof BigDecimal decimal && scale != null
        ? decimal.setScale(scale, RoundingMode.HALF_UP)
        : fitted;
  }

  /** A double, cut to the digits that are shown of it. */
  private double cut(double number) {
    if (scale == null || scale >= ALL_DIGITS || !Double.isFinite(number)) {
      return number;
    }
    double cut = new BigDecimal(number).setScale(scale, RoundingMode.HALF_EVEN).doubleValue();
    // A zero may have a sign.
    return cut == number ? number : cut;
  }

  private static boolean numeric(Type type) {
    return type instanceof MySqlType known && known.isNumeric();
  }

  private static @Nullable ZoneId zone(Row row, int index) {
    ZonedDateTime instant = row.get(index, ZonedDateTime.class);
    return instant == null ? null : instant.getZone();
  }

  /** The zone of date-times without one. */
  ZoneId zone() {
    ZoneId known = zone;
    return known == null ? ZoneOffset.UTC : known;
  }

  /** Tells whether the numbers are given as booleans. */
  boolean flag() {
    return flag;
  }

  /** Tells whether the values may be had as streams of bytes. */
  boolean large() {
    return type instanceof MySqlType known && known.isLob();
  }

  /** Tells whether the values may be had as streams of text. */
  boolean largeText() {
    return large() || type == MySqlType.JSON;
  }

  /** Tells whether a number may be had as a boolean. */
  boolean oneBit() {
    return (type == MySqlType.TINYINT || type == MySqlType.BIT)
        && precision != null
        && precision == 1;
  }

  @Override
  public String getName() {
    return name;
  }

  @Override
  public Type getType() {
    return type;
  }

  @Override
  public Nullability getNullability() {
    return nullability;
  }

  @Override
  public @Nullable Integer getPrecision() {
    return precision;
  }

  @Override
  public @Nullable Integer getScale() {
    return scale;
  }

  @Override
  public @Nullable Class<?> getJavaType() {
    return javaType;
  }

  @Override
  public @Nullable Object getNativeTypeMetadata() {
    return nativeType;
  }
}
