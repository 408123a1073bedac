package io.shardflux.sql.gather;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Says how the rows of a write are found by a query of its own. */
@Internal
public record WritePlanner(SqlText text, Schema schema) {

  private static final Set<String> INSERTED = Set.of("VALUES", "VALUE");

  /** Tells whether a write that is refused so may be done by its rows. */
  public static boolean plans(RefusedSqlException refusal) {
    return GatherPlanner.gathers(refusal) || refusal.code() == RefusalCode.SCATTERED_WRITE_FORM;
  }

  /** The plan for a write; null where there is none. */
  @Nullable
  public QueriedWrite plan(@Nullable Statement statement) {
    try {
      if (statement instanceof Statement.Insert insert) {
        return insert.query() == null ? null : inserted(insert, insert.query());
      }
      if (statement instanceof Statement.Update update) {
        return updated(update);
      }
      return statement instanceof Statement.Delete delete ? deleted(delete) : null;
    } catch (RefusedSqlException refused) {
      // The reason that the write was refused for before is told.
      return null;
    }
  }

  private @Nullable QueriedWrite inserted(Statement.Insert insert, Query query) {
    String table = insert.table().name();
    List<Catalog.Column> columns = columns(insert);
    if (columns.isEmpty()
        || schema.catalog().isMixed(table)
        || !isOfTarget(insert.updates(), insert.table(), query)) {
      return null;
    }
    TableRule.Sharded sharded = schema.sharded(table);
    List<String> keys =
        sharded == null ? List.of() : sharded.key().stream().map(KeyColumn::name).toList();
    Gather gather =
        new GatherPlanner(text, schema)
            .plan(query, new Gather.Target(columns, keys), insert.ignoring());
    if (gather == null) {
      return null;
    }
    SqlWriter head = new SqlWriter(text);
    head.add(new Span(text.body().start(), insert.table().span().end()));
    head.add(" (" + TemporaryTable.names(columns) + ") VALUES ");
    SqlWriter tail = new SqlWriter(text);
    tail.add(new Span(insert.head().end(), text.body().end()));
    return new QueriedWrite(new QueriedWrite.Made(gather), head.done(), tail.done());
  }

  /** The columns that get values; none where one of them is unknown. */
  private List<Catalog.Column> columns(Statement.Insert insert) {
    List<Catalog.Column> all = schema.columns(insert.table().name());
    if (!insert.named()) {
      return all;
    }
    List<Catalog.Column> columns = new ArrayList<>();
    for (String name : insert.columns()) {
      all.stream()
          .filter(each -> each.name().equalsIgnoreCase(name) && !columns.contains(each))
          .findFirst()
          .ifPresent(columns::add);
    }
    return columns.size() == insert.columns().size() ? columns : List.of();
  }

  /** Tells whether the values of {@code ON DUPLICATE KEY UPDATE} are none of the query's. */
  private boolean isOfTarget(List<Statement.Assignment> updates, Query.Table target, Query query) {
    Set<String> others = new HashSet<>();
    take(query, others);
    return updates.stream()
        .map(Statement.Assignment::value)
        .allMatch(value -> value == null || isOfTarget(value, target, others));
  }

  private boolean isOfTarget(Expr value, Query.Table target, Set<String> others) {
    boolean[] other = {false};
    value.walk(
        each -> {
          other[0] |=
              each instanceof Expr.Subquery
                  || (each instanceof Expr.Name name && !isOf(name, target, others));
          // That of the row that was to be inserted.
          return !(each instanceof Expr.Call call && INSERTED.contains(call.name()));
        });
    return !other[0];
  }

  private boolean isOf(Expr.Name name, Query.Table target, Set<String> others) {
    String key = SelectItems.key(name.column());
    boolean known =
        schema.columns(target.name()).stream()
            .anyMatch(column -> SelectItems.key(column.name()).equals(key));
    return known
        && (name.table() == null ? !others.contains(key) : name.table().equals(target.alias()));
  }

  /** Takes the names of the columns of a query's own tables, which may be meant. */
  private void take(Query query, Set<String> names) {
    for (Query.Branch branch : query.branches()) {
      if (branch.body() instanceof Query.Nested nested) {
        take(nested.query(), names);
      } else {
        Sources.flat(((Query.Select) branch.body()).from()).stream()
            .filter(Query.Table.class::isInstance)
            .map(Query.Table.class::cast)
            .flatMap(table -> schema.columns(table.name()).stream())
            .forEach(column -> names.add(SelectItems.key(column.name())));
      }
    }
  }

  private @Nullable QueriedWrite updated(Statement.Update update) {
    Statement.Changed changed = update.changed();
    Sources sources = sources(changed);
    Query.Table target = target(update, sources);
    if (target == null || !isOf(target, update, sources)) {
      return null;
    }
    SqlWriter head = new SqlWriter(text);
    head.add(changed.ignoring() ? "UPDATE IGNORE " : "UPDATE ").add(named(target)).add(" SET ");
    return written(changed, sources, target, head.add(update.set()));
  }

  /** The only table that is changed, or null. */
  private static Query.@Nullable Table target(Statement.Update update, Sources sources) {
    Query.Table target = null;
    for (Statement.Assignment assignment : update.assignments()) {
      Query.Table table =
          tables(sources)
              .filter(each -> sources.isColumn(assignment.column(), each))
              .findFirst()
              .orElse(null);
      if (table == null || (target != null && !target.equals(table))) {
        return null;
      }
      target = table;
    }
    return target;
  }

  /** Tells whether all values are of the table that is changed alone. */
  private static boolean isOf(Query.Table target, Statement.Update update, Sources sources) {
    return update.assignments().stream()
        .map(Statement.Assignment::value)
        .allMatch(
            value ->
                value == null
                    || !value.any(
                        each ->
                            each instanceof Expr.Subquery
                                || each instanceof Expr.Variable
                                || (each instanceof Expr.Name name
                                    && !sources.isColumn(name, target))));
  }

  private @Nullable QueriedWrite deleted(Statement.Delete delete) {
    Sources sources = sources(delete.changed());
    List<Query.Table> targets =
        tables(sources).filter(table -> delete.targets().contains(table.alias())).toList();
    if (delete.targets().size() != 1 || targets.size() != 1) {
      return null;
    }
    Query.Table target = targets.get(0);
    SqlWriter head = new SqlWriter(text);
    head.add(delete.changed().ignoring() ? "DELETE IGNORE " : "DELETE ");
    head.add(Fragment.quoted(target.alias()) + " FROM " + named(target));
    return written(delete.changed(), sources, target, head);
  }

  private static String named(Query.Table table) {
    return Fragment.quoted(table.name()) + " AS " + Fragment.quoted(table.alias());
  }

  private Sources sources(Statement.Changed changed) {
    Set<Query.Table> queries = Collections.newSetFromMap(new IdentityHashMap<>());
    List<Query.From> all = Sources.flat(changed.tables());
    for (Query.From from : all) {
      if (from instanceof Query.Table table
          && changed.ctes().stream().anyMatch(cte -> cte.name().equalsIgnoreCase(table.name()))) {
        queries.add(table);
      }
    }
    return new Sources(schema, all, queries, new Effort(text));
  }

  private static Stream<Query.Table> tables(Sources sources) {
    return sources.all().stream()
        .filter(from -> from instanceof Query.Table && !sources.queries().contains(from))
        .map(Query.Table.class::cast);
  }

  /**
   * The write of a table's rows by their keys. The conditions of the table alone go along, in case
   * that a row has changed by then.
   *
   * @param head the text before {@code WHERE}
   */
  private @Nullable QueriedWrite written(
      Statement.Changed changed, Sources sources, Query.Table target, SqlWriter head) {
    List<Catalog.Column> keys = keys(target.name());
    if (keys.isEmpty() || !keys.stream().allMatch(TemporaryTable::isPlain)) {
      return null;
    }
    head.add(" WHERE ");
    for (Expr own : sources.own(target, conditions(changed))) {
      head.add("(").add(own.span()).add(") AND ");
    }
    head.add(
        keys.stream()
            .map(key -> Fragment.quoted(target.alias()) + "." + Fragment.quoted(key.name()))
            .collect(Collectors.joining(", ", "(", ") IN (")));
    SqlWriter read = new SqlWriter(text);
    if (changed.with() != null) {
      read.add(changed.with()).add(" ");
    }
    List<String> names = keys.stream().map(Catalog.Column::name).toList();
    read.add("SELECT " + TemporaryTable.inserted(keys, target.alias(), names) + " AS r FROM ");
    read.add(changed.sources()).add(new Span(changed.end(), text.body().end()));
    return new QueriedWrite(
        new QueriedWrite.Keys(read.done()), head.done(), new SqlWriter(text).add(")").done());
  }

  /** The columns that tell a table's rows apart, and where each is; none if nothing does. */
  private List<Catalog.Column> keys(String table) {
    List<Catalog.Column> all = schema.columns(table);
    if (all.stream().noneMatch(Catalog.Column::primary) || schema.catalog().isMixed(table)) {
      return List.of();
    }
    TableRule.Sharded sharded = schema.sharded(table);
    List<KeyColumn> key = sharded == null ? List.of() : sharded.key();
    return all.stream()
        .filter(
            column ->
                column.primary()
                    || key.stream().anyMatch(part -> part.name().equalsIgnoreCase(column.name())))
        .toList();
  }

  /** The conditions that each row that is changed satisfies. */
  private static List<Expr> conditions(Statement.Changed changed) {
    List<Expr> all = new ArrayList<>();
    changed.tables().forEach(from -> take(from, all));
    if (changed.where() != null) {
      all.addAll(changed.where().conjuncts());
    }
    return all;
  }

  private static void take(Query.From from, List<Expr> all) {
    if (!(from instanceof Query.Join join)) {
      return;
    }
    if (join.kind() != Query.Join.Kind.RIGHT) {
      take(join.left(), all);
    }
    if (join.kind() != Query.Join.Kind.LEFT) {
      take(join.right(), all);
    }
    if (join.kind() == Query.Join.Kind.INNER && join.on() != null) {
      all.addAll(join.on().conjuncts());
    }
  }
}
