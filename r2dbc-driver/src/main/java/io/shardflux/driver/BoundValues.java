package io.shardflux.driver;

import io.r2dbc.spi.Row;
import io.shardflux.sql.statement.ValueKind;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/** Reads values as what they are bound as. */
final class BoundValues {

  private BoundValues() {}

  /** A row's value; null for NULL. */
  static @Nullable Object of(Row row, int index, ValueKind kind) {
    return switch (kind) {
      case WHOLE -> whole(row.get(index, BigInteger.class));
      case DECIMAL -> row.get(index, BigDecimal.class);
      case TEXT -> row.get(index, String.class);
      case ANY -> true;
    };
  }

  private static @Nullable Object whole(@Nullable BigInteger number) {
    return number == null || number.bitLength() >= Long.SIZE ? number : (Object) number.longValue();
  }
}
