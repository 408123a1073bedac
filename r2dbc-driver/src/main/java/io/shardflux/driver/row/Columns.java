package io.shardflux.driver.row;

import io.r2dbc.spi.ColumnMetadata;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.router.Internal;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;

/** The columns of an answer that this driver puts together; of equal names the first counts. */
@Internal
public final class Columns implements RowMetadata {

  private final List<Column> columns;
  private final Map<String, Integer> indices = new HashMap<>();

  public Columns(List<Column> columns) {
    this.columns = List.copyOf(columns);
    for (int i = 0; i < columns.size(); i++) {
      indices.putIfAbsent(folded(columns.get(i).getName()), i);
    }
  }

  public Columns(RowMetadata metadata) {
    this(metadata.getColumnMetadatas().stream().map(Column::new).toList());
  }

  /** These columns without that many of the last ones. */
  public Columns without(int last) {
    return last == 0 ? this : new Columns(columns.subList(0, columns.size() - last));
  }

  public int size() {
    return columns.size();
  }

  public Column column(int index) {
    if (index < 0 || index >= columns.size()) {
      throw new IndexOutOfBoundsException(
          "column: " + index + " (expected: from 0 to " + (columns.size() - 1) + ")");
    }
    return columns.get(index);
  }

  int index(String name) {
    Integer index = indices.get(folded(name));
    if (index == null) {
      throw new NoSuchElementException("column: " + name + " (expected: one of " + names() + ")");
    }
    return index;
  }

  public List<String> names() {
    return columns.stream().map(Column::getName).toList();
  }

  @Override
  public ColumnMetadata getColumnMetadata(int index) {
    return column(index);
  }

  @Override
  public ColumnMetadata getColumnMetadata(String name) {
    return columns.get(index(name));
  }

  @Override
  public List<? extends ColumnMetadata> getColumnMetadatas() {
    return columns;
  }

  @Override
  public boolean contains(String name) {
    return indices.containsKey(folded(name));
  }

  private static String folded(String name) {
    Arguments.require(name, "name");
    return name.toLowerCase(Locale.ROOT);
  }
}
