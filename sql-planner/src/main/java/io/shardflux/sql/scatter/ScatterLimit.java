package io.shardflux.sql.scatter;

import io.shardflux.router.Internal;
import io.shardflux.sql.keys.KeyCondition;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import java.math.BigInteger;

/** The values of a scattered query's {@code LIMIT} and {@code OFFSET}. */
@Internal
public record ScatterLimit(long count, long offset) {

  private static final BigInteger ALL = BigInteger.valueOf(Merge.ALL);
  private static final BigInteger NONE = BigInteger.valueOf(-1);

  public static ScatterLimit of(ScatterQuery query, Binds binds, long maxOffset) {
    long count = query.limit() == null ? Merge.ALL : value(query.limit(), binds);
    long offset = query.offset() == null ? 0 : value(query.offset(), binds);
    if (offset > maxOffset) {
      throw new RefusedSqlException(
          RefusalCode.OFFSET_TOO_LARGE,
          "offset: " + offset + " (expected: at most " + maxOffset + ")");
    }
    // Beyond what a long can count there is no row.
    return new ScatterLimit(count > Merge.ALL - offset ? Merge.ALL : count, offset);
  }

  private static long value(Expr expr, Binds binds) {
    Object bound = KeyCondition.value(expr, binds);
    boolean whole =
        bound instanceof Long
            || bound instanceof Integer
            || bound instanceof Short
            || bound instanceof Byte
            || (bound instanceof BigInteger large && large.bitLength() <= Long.SIZE);
    long number = whole && bound instanceof Number counted ? atMostAll(counted) : -1;
    if (number < 0) {
      throw new RefusedSqlException(
          RefusalCode.LIMIT_VALUE,
          "a bound " + (bound == null ? "NULL" : bound.getClass().getSimpleName()));
    }
    return number;
  }

  private static long atMostAll(Number number) {
    return number instanceof BigInteger large
        ? large.max(NONE).min(ALL).longValue()
        : number.longValue();
  }
}
