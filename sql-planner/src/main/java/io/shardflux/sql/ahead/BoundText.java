package io.shardflux.sql.ahead;

import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes a statement with its subqueries' values. Not thread-safe. */
final class BoundText {

  private static final String TRUE = "(1 = 1)";
  private static final String FALSE = "(1 = 0)";

  /** The markers that a server takes in one statement. */
  private static final int MOST_MARKERS = 65_535;

  private final Binds binds;
  private final List<? extends List<? extends @Nullable Object>> found;
  private final StringBuilder sql = new StringBuilder();
  private final List<@Nullable Object> values = new ArrayList<>();

  BoundText(Binds binds, List<? extends List<? extends @Nullable Object>> found) {
    this.binds = binds;
    this.found = found;
  }

  Ahead.Bound done() {
    if (values.size() > MOST_MARKERS) {
      throw new RefusedSqlException(
          RefusalCode.TOO_MANY_GATHERED_ROWS,
          "more than " + MOST_MARKERS + " values of subqueries in one statement");
    }
    return new Ahead.Bound(sql.toString(), Collections.unmodifiableList(values));
  }

  void add(Ahead.Piece piece) {
    if (piece instanceof Ahead.Text text) {
      add(text.sql());
      return;
    }
    Ahead.Values place = (Ahead.Values) piece;
    List<? extends @Nullable Object> rows = found.get(place.subquery());
    switch (place.form()) {
      case EXISTS -> sql.append(rows.isEmpty() ? FALSE : TRUE);
      case VALUE -> value(rows, place.cast());
      case EXTREMES -> extremes(rows);
      case IN, NOT_IN -> list(place, rows);
    }
  }

  private void add(ShardSql text) {
    sql.append(text.text());
    text.markers().forEach(marker -> values.add(binds.get(marker)));
  }

  private void value(List<? extends @Nullable Object> rows, @Nullable String cast) {
    if (rows.size() > 1) {
      // The server tells the error, if it comes to that.
      sql.append('(');
      rows(rows);
      sql.append(')');
      return;
    }
    Object value = rows.isEmpty() ? null : rows.get(0);
    if (cast == null) {
      marker(value);
    } else {
      sql.append("CAST(");
      marker(value);
      sql.append(" AS ").append(cast).append(')');
    }
  }

  private void marker(@Nullable Object value) {
    if (value == null) {
      sql.append("NULL");
    } else {
      sql.append('?');
      values.add(value);
    }
  }

  /** A query of constants. */
  private void rows(List<? extends @Nullable Object> rows) {
    if (rows.isEmpty()) {
      sql.append("SELECT NULL FROM DUAL WHERE 1 = 0");
    }
    String before = "SELECT ";
    for (Object value : rows) {
      sql.append(before);
      marker(value);
      before = " UNION ALL SELECT ";
    }
  }

  /** MariaDB loses NULL in a union that is compared, and not in one whose rows are read. */
  private void extremes(List<? extends @Nullable Object> rows) {
    List<@Nullable Object> extremes = extremesOf(rows);
    if (extremes.contains(null)) {
      sql.append("SELECT `_shardflux_v`.* FROM (");
      rows(extremes);
      sql.append(") AS `_shardflux_v`");
    } else {
      rows(extremes);
    }
  }

  /** What a comparison with all, or any, of the numbers hangs on. */
  private static List<@Nullable Object> extremesOf(List<? extends @Nullable Object> rows) {
    List<Object> numbers = new ArrayList<>();
    rows.stream().filter(Objects::nonNull).forEach(numbers::add);
    List<@Nullable Object> extremes = new ArrayList<>();
    if (!numbers.isEmpty()) {
      extremes.add(Collections.min(numbers, BoundText::compare));
      extremes.add(Collections.max(numbers, BoundText::compare));
    }
    if (numbers.size() < rows.size()) {
      extremes.add(null);
    }
    return extremes;
  }

  private static int compare(Object a, Object b) {
    return new BigDecimal(a.toString()).compareTo(new BigDecimal(b.toString()));
  }

  private void list(Ahead.Values place, List<? extends @Nullable Object> rows) {
    boolean negated = place.form() == Ahead.Form.NOT_IN;
    if (rows.isEmpty()) {
      // Also where the left side is NULL.
      sql.append(negated ? TRUE : FALSE);
      return;
    }
    place.left().forEach(this::add);
    sql.append(negated ? " NOT IN (" : " IN (");
    Set<@Nullable Object> distinct = new LinkedHashSet<>(rows);
    boolean holdsNull = distinct.remove(null);
    String before = "";
    for (Object value : padded(new ArrayList<>(distinct))) {
      sql.append(before);
      marker(value);
      before = ", ";
    }
    sql.append(holdsNull ? before + "NULL)" : ")");
  }

  /** A list of as many values as a power of two, so that texts of few lengths are analysed. */
  private static List<@Nullable Object> padded(List<@Nullable Object> some) {
    int wanted = Math.max(1, Integer.highestOneBit(Math.max(1, some.size() - 1)) << 1);
    while (!some.isEmpty() && some.size() > 1 && some.size() < wanted) {
      some.add(some.get(0));
    }
    return some;
  }
}
