package io.shardflux.sql.scatter;

import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.SqlText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The columns that the shards are asked for beyond the answer's own. Not thread-safe. */
final class HiddenColumns {

  private final SqlText text;
  private final Map<String, Integer> indexes = new LinkedHashMap<>();
  private final List<Fragment> columns = new ArrayList<>();

  HiddenColumns(SqlText text) {
    this.text = text;
  }

  /** Asks for one, unless it is asked for already; {@code ~i} for that of index i. */
  int add(Fragment column) {
    return ~indexes.computeIfAbsent(
        column.in(text.text()),
        key -> {
          columns.add(column);
          return columns.size() - 1;
        });
  }

  List<Fragment> columns() {
    return columns;
  }

  int size() {
    return columns.size();
  }
}
