package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Decides whether the branches of a set operation can be united on each shard. */
final class UnionAnalysis {

  private final Query query;
  private final List<Relation> branches;
  private final List<Rows> rows;
  private final Colocation colocation;
  private final boolean mixes;

  /**
   * An analysis of some branches.
   *
   * @param mixes whether one shard alone gives the rows that all have
   */
  UnionAnalysis(Query query, List<Relation> branches, Colocation colocation, boolean mixes) {
    this.query = query;
    this.branches = branches;
    this.rows = branches.stream().flatMap(branch -> branch.rows().stream()).toList();
    this.colocation = colocation;
    this.mixes = mixes;
  }

  /**
   * The result of the branches together.
   *
   * @param alone whether no query around them gives them values
   */
  Relation relation(boolean alone) {
    RefusedSqlException refusal = first(Relation::refusal);
    if (refusal == null && !mixes) {
      refusal = referenceRows();
    }
    boolean keyed = alone && refusal == null;
    List<Scope.Column> columns = columns(keyed);
    if (keyed) {
      // A row is of one branch alone, so that no two keys of theirs are ever told apart.
      rows.forEach(each -> colocation.unite(rows.get(0), each));
    }
    if (refusal == null) {
      refusal = differentKeys(columns);
    }
    return new Relation(columns, rows, first(Relation::rowsRefusal), refusal);
  }

  private @Nullable RefusedSqlException first(
      Function<Relation, @Nullable RefusedSqlException> refusal) {
    for (Relation branch : branches) {
      RefusedSqlException found = refusal.apply(branch);
      if (found != null && !(mixes && branch.rows().isEmpty())) {
        return found;
      }
    }
    return null;
  }

  /** Each shard would give the rows of a reference table once more. */
  private @Nullable RefusedSqlException referenceRows() {
    boolean some = branches.stream().anyMatch(branch -> branch.rows().isEmpty());
    return some && !rows.isEmpty()
        ? new RefusedSqlException(
            RefusalCode.SET_OPERATION, "rows of a reference table united with others")
        : null;
  }

  private @Nullable RefusedSqlException differentKeys(List<Scope.Column> columns) {
    boolean all =
        query.branches().stream()
            .allMatch(branch -> branch.operator() == null || branch.operator().equals("UNION ALL"));
    if (rows.isEmpty()
        || (colocation.isCluster(rows)
            && (all || colocation.holdKey(Scope.Column.certainKeys(columns), rows)))) {
      return null;
    }
    return new RefusedSqlException(
        RefusalCode.SET_OPERATION,
        all ? "UNION ALL of rows with different keys" : "UNION of rows without their key");
  }

  private List<Scope.Column> columns(boolean keyed) {
    List<Scope.Column> columns = new ArrayList<>();
    for (int i = 0; i < branches.get(0).columns().size(); i++) {
      columns.add(column(i, keyed));
    }
    return columns;
  }

  private Scope.Column column(int index, boolean keyed) {
    List<SqlType> types = new ArrayList<>();
    boolean nullable = false;
    int key = keyed ? branches.get(0).columns().get(index).key() : -1;
    for (Relation branch : branches) {
      if (branch.columns().size() <= index) {
        throw new RefusedSqlException(
            RefusalCode.SET_OPERATION, "selects of different numbers of columns");
      }
      Scope.Column column = branch.columns().get(index);
      types.add(column.type());
      nullable |= column.nullable();
      key = colocation.fit(key, column.key()) ? key : -1;
    }
    if (key >= 0) {
      for (Relation branch : branches) {
        colocation.unite(key, branch.columns().get(index).key());
      }
    }
    String name = branches.get(0).columns().get(index).name();
    SqlType type = SqlType.choice(types);
    return new Scope.Column(name, type.with(type.digits().stored()), nullable, key);
  }
}
