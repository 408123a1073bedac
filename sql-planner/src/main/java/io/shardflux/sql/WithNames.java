package io.shardflux.sql;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The names of {@code WITH} that are seen in a place.
 *
 * @param scope the columns of the queries around that {@code WITH}; null if there are none
 */
record WithNames(@Nullable WithNames outer, Map<String, Query.Cte> ctes, @Nullable Scope scope) {

  static final WithNames NONE = new WithNames(null, Map.of(), null);

  WithNames with(List<Query.Cte> more, @Nullable Scope around) {
    Map<String, Query.Cte> named = new LinkedHashMap<>();
    more.forEach(cte -> named.put(cte.name(), cte));
    return more.isEmpty() ? this : new WithNames(this, named, around);
  }

  Query.@Nullable Cte find(String name) {
    Query.Cte cte = ctes.get(name);
    return cte != null || outer == null ? cte : outer.find(name);
  }

  /** The columns of the queries around the {@code WITH} that has a name; null if there are none. */
  @Nullable Scope scopeOf(Query.Cte cte) {
    return of(cte).scope;
  }

  private WithNames of(Query.Cte cte) {
    WithNames at = this;
    while (at.outer != null && !at.ctes.containsValue(cte)) {
      at = at.outer;
    }
    return at;
  }

  /** The names that are seen by one of {@code WITH}: those before it. */
  WithNames before(Query.Cte cte) {
    WithNames at = of(cte);
    Map<String, Query.Cte> earlier = new LinkedHashMap<>();
    for (Query.Cte each : at.ctes.values()) {
      if (each.equals(cte)) {
        break;
      }
      earlier.put(each.name(), each);
    }
    return new WithNames(at.outer, earlier, at.scope);
  }
}
