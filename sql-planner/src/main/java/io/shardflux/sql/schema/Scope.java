package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The columns that an expression may name. */
@Internal
public final class Scope {

  /** Columns that are looked through before an index of them is worth it. */
  private static final int LOOKED_AT = 4_000;

  private final @Nullable Scope outer;
  private final List<Source> sources = new ArrayList<>();
  private final Set<String> using = new HashSet<>();

  /** The columns that a star means, in their order. */
  private final List<Expr.Name> starred = new ArrayList<>();

  private boolean reached;
  private int columns;
  private int looked;
  private @Nullable Map<String, List<Found>> byName;

  public Scope(@Nullable Scope outer) {
    this.outer = outer;
  }

  /** The columns of the queries around this one; null if there are none. */
  @Nullable
  public Scope outer() {
    return outer;
  }

  /** Tells whether a name was found to be a column further out. */
  public boolean isReached() {
    return reached;
  }

  public List<Source> sources() {
    return sources;
  }

  public void add(Source source) {
    if (sources.stream().anyMatch(other -> other.alias().equalsIgnoreCase(source.alias()))) {
      throw new RefusedSqlException(
          RefusalCode.AMBIGUOUS_NAME, source.alias() + ": two tables of that name");
    }
    sources.add(source);
    for (Column column : source.columns()) {
      starred.add(new Expr.Name(Span.NONE, source.alias(), column.name()));
    }
    columns += source.columns().size();
    if (byName != null) {
      index(source, byName);
    }
  }

  /** A column with where it is from. */
  private record Found(Source source, Column column) {}

  /** The columns that a name may be; looked for in all, or in an index where that gets long. */
  private List<Found> named(String name) {
    looked += columns;
    if (looked <= LOOKED_AT) {
      List<Found> found = new ArrayList<>(1);
      for (Source source : sources) {
        for (Column column : source.columns()) {
          if (column.name().equalsIgnoreCase(name)) {
            found.add(new Found(source, column));
          }
        }
      }
      return found;
    }
    if (byName == null) {
      byName = new HashMap<>();
      for (Source source : sources) {
        index(source, byName);
      }
    }
    return byName.getOrDefault(SelectItems.key(name), List.of());
  }

  private static void index(Source source, Map<String, List<Found>> byName) {
    for (Column column : source.columns()) {
      byName
          .computeIfAbsent(SelectItems.key(column.name()), key -> new ArrayList<>(1))
          .add(new Found(source, column));
    }
  }

  /** The columns that a star means: those of the sources, and one for each of {@code USING}. */
  public List<Expr.Name> starred() {
    return starred;
  }

  /** The columns that a star before a point means: all of that source. */
  public List<Expr.Name> starred(String alias) {
    return sources.stream()
        .filter(source -> source.isNamed(alias))
        .flatMap(
            source ->
                source.columns().stream()
                    .map(column -> new Expr.Name(Span.NONE, source.alias(), column.name())))
        .toList();
  }

  /**
   * Makes names mean the first source's columns, as {@code USING} does. A star has them once, and
   * before the others of the join.
   *
   * @param left where the star's columns of the join begin
   * @param right where those of its right side do
   */
  public void using(List<String> names, int left, int right) {
    names.forEach(name -> using.add(name.toLowerCase(Locale.ROOT)));
    List<Expr.Name> all = new ArrayList<>(starred.subList(left, starred.size()));
    List<Expr.Name> joined = new ArrayList<>();
    List<Expr.Name> others = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      boolean meant = names.stream().anyMatch(all.get(i).column()::equalsIgnoreCase);
      if (!meant) {
        others.add(all.get(i));
      } else if (i < right - left) {
        joined.add(all.get(i));
      }
    }
    starred.subList(left, starred.size()).clear();
    starred.addAll(joined);
    starred.addAll(others);
  }

  /** The column of a name, here or further out; null if there is none. */
  @Nullable
  public Column find(Expr.Name name) {
    Column here = findHere(name);
    if (here != null || outer == null) {
      return here;
    }
    Column further = outer.find(name);
    reached |= further != null;
    return further;
  }

  /** The first source here whose column a name may be, null if it is none's. */
  @Nullable
  public Source sourceOf(Expr.Name name) {
    for (Found found : named(name.column())) {
      if (found.source().isNamed(name.table())) {
        return found.source();
      }
    }
    return null;
  }

  /** The number of the key column that an expression is, or -1. */
  public int keyOf(Expr expr) {
    Column column = expr.bare() instanceof Expr.Name name ? find(name) : null;
    return column == null ? -1 : column.key();
  }

  /** The column of a name here; null if there is none. */
  @Nullable
  public Column findHere(Expr.Name name) {
    Column first = null;
    for (Found found : named(name.column())) {
      if (!found.source().isNamed(name.table())) {
        continue;
      }
      if (first != null && !using.contains(name.column().toLowerCase(Locale.ROOT))) {
        throw new RefusedSqlException(
            RefusalCode.UNKNOWN_COLUMN, name.column() + ": in several tables");
      }
      first = first == null ? found.column() : first;
    }
    return first;
  }

  /**
   * A table, or what stands for one.
   *
   * @param reference whether it is a reference table
   * @param unique the keys of a table, each with the columns that tell its rows apart
   */
  public record Source(
      String alias, List<Column> columns, boolean reference, List<List<Column>> unique) {

    /**
     * Tells whether a name with this table before it, or with none, may mean a column of this
     * source.
     */
    public boolean isNamed(@Nullable String table) {
      return table == null || table.equals(alias);
    }

    /** Its column of a name, null if there is none. */
    @Nullable
    public Column find(String column) {
      return columns.stream()
          .filter(each -> each.name().equalsIgnoreCase(column))
          .findFirst()
          .orElse(null);
    }

    /** This source where an outer join may have no row. */
    public Source orNull() {
      return new Source(
          alias,
          columns.stream().map(Column::orNull).toList(),
          reference,
          unique.stream().map(key -> key.stream().map(Column::orNull).toList()).toList());
    }
  }

  /**
   * A column.
   *
   * @param key the number of the key column that it holds, or -1
   */
  public record Column(String name, SqlType type, boolean nullable, int key) {

    /** Its key, if it always has one: the NULL of an outer join may be on any shard. */
    public int certainKey() {
      return nullable ? -1 : key;
    }

    public static List<Integer> certainKeys(List<Column> columns) {
      return columns.stream().map(Column::certainKey).toList();
    }

    public Column withoutKey() {
      return new Column(name, type, nullable, -1);
    }

    /** This column where an outer join may have no row. */
    Column orNull() {
      return new Column(name, type, true, key);
    }

    public Column named(String other) {
      return new Column(other, type, nullable, key);
    }
  }
}
