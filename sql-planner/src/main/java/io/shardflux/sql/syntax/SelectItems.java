package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.RandomAccess;
import org.jspecify.annotations.Nullable;

/** The items of a select list, found by their names too. Not thread-safe. */
@Internal
public final class SelectItems extends AbstractList<Query.Item> implements RandomAccess {

  private final List<Query.Item> items;
  private final boolean starred;
  private @Nullable Map<String, Integer> aliases;
  private @Nullable Map<String, List<Integer>> names;

  public SelectItems(List<Query.Item> items) {
    this.items = items;
    this.starred = items.stream().anyMatch(Query.Item::isStar);
  }

  @Override
  public Query.Item get(int index) {
    return items.get(index);
  }

  @Override
  public int size() {
    return items.size();
  }

  /** Tells whether there is a star among the items. */
  boolean isStarred() {
    return starred;
  }

  /** The item of an alias, null if there is none. */
  @Nullable
  public Expr aliased(Expr.Name name) {
    if (name.table() != null) {
      return null;
    }
    if (aliases == null) {
      aliases = new HashMap<>();
      for (int i = 0; i < items.size(); i++) {
        String alias = items.get(i).alias();
        if (alias != null) {
          aliases.putIfAbsent(key(alias), i);
        }
      }
    }
    Integer index = aliases.get(key(name.column()));
    return index == null ? null : items.get(index).expr();
  }

  /** The index of the item that has a name as its own, -1 if there is none. */
  public int named(Expr.Name name) {
    if (name.table() != null) {
      return -1;
    }
    List<Integer> all = indexes(name.column());
    return all.isEmpty() ? -1 : all.get(0);
  }

  /** All items that have a name as their own. */
  public List<Expr> allNamed(String name) {
    return indexes(name).stream().map(index -> items.get(index).value().bare()).toList();
  }

  private List<Integer> indexes(String name) {
    if (names == null) {
      names = new HashMap<>();
      for (int i = 0; i < items.size(); i++) {
        String own = items.get(i).name();
        if (own != null) {
          names.computeIfAbsent(key(own), key -> new ArrayList<>(1)).add(i);
        }
      }
    }
    return names.getOrDefault(key(name), List.of());
  }

  /** A key that is the same for names that are equal except for capitals. */
  public static String key(String name) {
    return name.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT);
  }
}
