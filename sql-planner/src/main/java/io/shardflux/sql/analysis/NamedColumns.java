package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.Statement;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes out the columns that a text leaves to the server: those of an {@code INSERT} without a
 * list, and those of a star where shards have them in different orders. What a statement goes by is
 * so what it says: a server whose columns are others by now fails, or does as was meant.
 */
@Internal
public record NamedColumns(SqlText text, Schema schema) {

  /** Names that are to stand in place of a span. */
  private record Names(Span span, String sql) {}

  /** The text with names, or null where it needs none. */
  @Nullable
  public String of(Statement statement) {
    List<Names> names = new ArrayList<>();
    if (statement instanceof Statement.Insert insert) {
      inserted(insert, names);
    } else if (statement instanceof Statement.Read read && schema.catalog().hasUneven()) {
      query(read.query(), Set.of(), false, names);
    }
    return names.isEmpty() ? null : written(names);
  }

  private void inserted(Statement.Insert insert, List<Names> names) {
    String table = insert.table().name();
    List<Catalog.Column> columns = schema.columns(table);
    TableRule rule = schema.topology().tables().get(table);
    if (columns.isEmpty() || rule == null || rule instanceof TableRule.Pinned) {
      return;
    }
    boolean fits = insert.rows().stream().allMatch(row -> row.values().size() == columns.size());
    if (!insert.named() && fits) {
      List<String> all = columns.stream().map(each -> Fragment.quoted(each.name())).toList();
      names.add(
          new Names(
              new Span(insert.namesAt(), insert.namesAt()), " (" + String.join(", ", all) + ")"));
    }
    if (insert.query() != null) {
      query(insert.query(), Set.of(), true, names);
    }
  }

  /**
   * Takes the stars of a query and of those that it selects from.
   *
   * @param outer the names that {@code WITH} gives around it
   * @param always whether also those of tables that are alike everywhere
   */
  private void query(Query query, Set<String> outer, boolean always, List<Names> names) {
    Set<String> ctes = outer;
    if (!query.ctes().isEmpty()) {
      ctes = new HashSet<>(outer);
      for (Query.Cte cte : query.ctes()) {
        ctes.add(cte.name());
      }
    }
    for (Query.Cte cte : query.ctes()) {
      query(cte.query(), ctes, always, names);
    }
    for (Query.Branch branch : query.branches()) {
      if (branch.body() instanceof Query.Nested nested) {
        query(nested.query(), ctes, always, names);
      } else {
        select((Query.Select) branch.body(), ctes, always, names);
      }
    }
  }

  private void select(Query.Select select, Set<String> ctes, boolean always, List<Names> names) {
    List<Query.From> sources = new ArrayList<>();
    boolean using = false;
    for (Query.From from : select.from()) {
      using |= sources(from, sources);
    }
    for (Query.From source : sources) {
      if (source instanceof Query.Derived derived) {
        query(derived.query(), ctes, always, names);
      }
    }
    boolean uneven =
        always
            || sources.stream()
                .anyMatch(
                    source ->
                        source instanceof Query.Table table
                            && schema.catalog().isUneven(table.name()));
    for (Query.Item item : select.items()) {
      if (uneven && item.isStar() && !(using && item.table() == null)) {
        names.add(new Names(item.span(), star(item, sources, ctes)));
      }
    }
  }

  /** Adds the tables and queries of a source; whether any are joined by {@code USING}. */
  private static boolean sources(Query.From from, List<Query.From> sources) {
    boolean using = false;
    Deque<Query.From> left = new ArrayDeque<>(List.of(from));
    while (!left.isEmpty()) {
      Query.From next = left.pop();
      if (next instanceof Query.Join join) {
        using |= join.natural() || !join.using().isEmpty();
        left.push(join.right());
        left.push(join.left());
      } else {
        sources.add(next);
      }
    }
    return using;
  }

  private String star(Query.Item item, List<Query.From> sources, Set<String> ctes) {
    List<String> columns = new ArrayList<>();
    for (Query.From source : sources) {
      String alias =
          source instanceof Query.Table table ? table.alias() : ((Query.Derived) source).alias();
      if (item.table() != null && !item.table().equals(alias)) {
        continue;
      }
      String name = Fragment.quoted(alias) + ".";
      List<Catalog.Column> known =
          source instanceof Query.Table table && !ctes.contains(table.name())
              ? schema.columns(table.name())
              : List.of();
      if (known.isEmpty()) {
        columns.add(name + "*");
      }
      known.forEach(column -> columns.add(name + Fragment.quoted(column.name())));
    }
    return columns.isEmpty() ? item.span().of(text.text()) : String.join(", ", columns);
  }

  private String written(List<Names> names) {
    names.sort(Comparator.comparingInt(each -> each.span().start()));
    StringBuilder sql = new StringBuilder();
    int at = 0;
    for (Names each : names) {
      sql.append(text.text(), at, each.span().start()).append(each.sql());
      at = each.span().end();
    }
    return sql.append(text.text(), at, text.text().length()).toString();
  }
}
