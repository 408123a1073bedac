package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.WithNames;
import io.shardflux.sql.syntax.Query;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The position of a query in a statement.
 *
 * @param outer the columns of the select around it that it may name; null if there are none
 * @param zone the zone whose conditions its rows satisfy
 */
@Internal
public record Place(@Nullable Scope outer, Rows.Zone zone, WithNames names) {

  /** The place of a statement itself. */
  public static Place outermost() {
    return new Place(null, new Rows.Zone(null), WithNames.NONE);
  }

  /** Tells whether no query around it gives it values, as far as it was read. */
  boolean isAlone() {
    return outer == null || (outer.sources().isEmpty() && !outer.isReached());
  }

  Place with(List<Query.Cte> ctes) {
    return new Place(outer, zone, names.with(ctes, outer));
  }

  Place in(Rows.Zone other) {
    return new Place(outer, other, names);
  }
}
