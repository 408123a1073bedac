package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.sql.syntax.Query;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The names of {@code WITH} that are seen in a place.
 *
 * @param places the place in its {@code WITH} of each
 * @param seen how many are seen, from the first on
 * @param scope the columns of the queries around that {@code WITH}; null if there are none
 */
@Internal
public record WithNames(
    @Nullable WithNames outer,
    Map<String, Query.Cte> ctes,
    IdentityHashMap<Query.Cte, Integer> places,
    int seen,
    @Nullable Scope scope) {

  public static final WithNames NONE =
      new WithNames(null, Map.of(), new IdentityHashMap<>(), 0, null);

  public WithNames with(List<Query.Cte> more, @Nullable Scope around) {
    if (more.isEmpty()) {
      return this;
    }
    Map<String, Query.Cte> named = new HashMap<>();
    IdentityHashMap<Query.Cte, Integer> places = new IdentityHashMap<>();
    for (Query.Cte cte : more) {
      named.put(cte.name(), cte);
      places.put(cte, places.size());
    }
    return new WithNames(this, named, places, more.size(), around);
  }

  public Query.@Nullable Cte find(String name) {
    for (WithNames at = this; at != null; at = at.outer) {
      Query.Cte cte = at.ctes.get(name);
      if (cte != null && at.place(cte) < at.seen) {
        return cte;
      }
    }
    return null;
  }

  /** The columns of the queries around the {@code WITH} that has a name; null if there are none. */
  @Nullable
  public Scope scopeOf(Query.Cte cte) {
    return of(cte).scope;
  }

  /** The names that are seen by one of {@code WITH}: those before it. */
  public WithNames before(Query.Cte cte) {
    WithNames at = of(cte);
    return new WithNames(at.outer, at.ctes, at.places, at.place(cte), at.scope);
  }

  private WithNames of(Query.Cte cte) {
    WithNames at = this;
    while (at.outer != null && !at.places.containsKey(cte)) {
      at = at.outer;
    }
    return at;
  }

  private int place(Query.Cte cte) {
    return places.getOrDefault(cte, seen);
  }
}
