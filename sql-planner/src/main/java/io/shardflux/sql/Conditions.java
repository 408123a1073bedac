package io.shardflux.sql;

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

  /** Takes a condition that all rows of a zone satisfy. */
  void where(Expr condition, Rows.Zone zone) {
    take(condition, zone, null);
  }

  /** Takes the condition of an outer join, which those rows of its satisfy that match. */
  void on(Expr condition, Rows.Zone zone, List<Rows> matched) {
    take(condition, zone, matched);
  }

  private void take(Expr condition, Rows.Zone zone, @Nullable List<Rows> matched) {
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
