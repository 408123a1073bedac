package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.KeyConditionReader;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.syntax.Expr;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes the conditions of one select for what they say of key columns. Not thread-safe. */
final class Conditions {

  private final JoinEqualities equalities;
  private final KeyConditionReader keys;

  Conditions(Scope scope, Colocation colocation) {
    this.equalities = new JoinEqualities(scope, colocation);
    this.keys = new KeyConditionReader(scope, colocation);
  }

  /**
   * Adds a condition to a zone.
   *
   * @param matched the tables that an outer join's condition is about, null if all rows satisfy it
   */
  void add(Expr condition, Rows.Zone zone, @Nullable List<Rows> matched) {
    for (Expr each : condition.conjuncts()) {
      equalities.take(each, matched);
      zone.add(keys.read(each));
    }
  }

  /** Ties the select to those around it, once it is known how its own tables are joined. */
  void attach() {
    equalities.attach();
  }
}
