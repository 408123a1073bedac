package io.shardflux.sql.gather;

import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A query of {@code WITH} in the place where it is defined. MySQL opens a temporary table once, so
 * a query of such tables that is named several times is written as often, each time over tables of
 * its own, which have the same rows. Not thread-safe.
 */
final class Definition {

  private final Query.Cte cte;
  private final Map<String, Integer> list;
  private final int place;
  private final int depth;
  private final @Nullable Definition outer;
  private final List<List<SqlWriter.Edit>> copies = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private int first;
  private boolean gathered;
  private int open = -1;

  /**
   * A definition.
   *
   * @param list the places of all names in its list, each as {@link SelectItems#key}
   * @param outer the definition that is seen beside it, or null
   */
  Definition(Query.Cte cte, Map<String, Integer> list, @Nullable Definition outer) {
    this.cte = cte;
    this.list = list;
    this.place = list.getOrDefault(SelectItems.key(cte.name()), 0);
    this.outer = outer;
    this.depth = depth(outer) + 1;
  }

  Query.Cte cte() {
    return cte;
  }

  /** How many definitions there are from one on. */
  static int depth(@Nullable Definition from) {
    return from == null ? 0 : from.depth;
  }

  /** The nearest definition of a name from one on, null if there is none. */
  static @Nullable Definition find(@Nullable Definition from, String name) {
    Definition at = from;
    while (at != null && !at.cte.name().equals(name)) {
      at = at.outer;
    }
    return at;
  }

  /** Tells whether a name may be another's in other capitals, by what servers are set to. */
  static boolean isLike(@Nullable Definition from, String name) {
    for (Definition at = from; at != null; at = at.outer) {
      if (at.cte.name().equalsIgnoreCase(name)) {
        return true;
      }
    }
    return false;
  }

  /** Tells whether MariaDB takes a name for that of a query further on in a recursive list. */
  static boolean isLater(@Nullable Definition from, String name) {
    String key = SelectItems.key(name);
    for (Definition at = from; at != null && !at.cte.name().equals(name); at = at.outer) {
      if (at.cte.recursive() && at.list.getOrDefault(key, -1) > at.place) {
        return true;
      }
    }
    return false;
  }

  /** What its query sees. */
  @Nullable Definition seen() {
    return cte.recursive() ? this : outer;
  }

  /** The number of the copy whose query is being read, or -1. */
  int open() {
    return open;
  }

  int size() {
    return copies.size();
  }

  /** Tells whether each mention needs a copy of its own. */
  boolean gathered() {
    return gathered;
  }

  String name(int copy) {
    return names.get(copy);
  }

  /** The first mention of its first copy. */
  int first() {
    return first;
  }

  /**
   * Begins a copy, and gives the list of its edits.
   *
   * @param mentions those that were found before
   */
  List<SqlWriter.Edit> begin(String name, int mentions) {
    List<SqlWriter.Edit> edits = new ArrayList<>();
    first = copies.isEmpty() ? mentions : first;
    open = copies.size();
    copies.add(edits);
    names.add(name);
    return edits;
  }

  void end(boolean gathers) {
    open = -1;
    gathered |= gathers;
  }

  /** The edits by which the text has all copies. */
  List<SqlWriter.Edit> edits() {
    if (copies.isEmpty()) {
      return List.of();
    }
    List<SqlWriter.Edit> all = new ArrayList<>(copies.get(0));
    for (int i = 1; i < copies.size(); i++) {
      String columns =
          cte.columns().isEmpty()
              ? ""
              : " ("
                  + String.join(", ", cte.columns().stream().map(Fragment::quoted).toList())
                  + ")";
      all.add(
          SqlWriter.Edit.behind(
              cte.span(),
              Fragment.of(
                  ", " + Fragment.quoted(names.get(i)) + columns + " AS (",
                  SqlWriter.edited(cte.query().span(), copies.get(i)),
                  ")")));
    }
    return all;
  }
}
