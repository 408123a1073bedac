package io.shardflux.sql.gather;

import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Bindable;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Groups of one table's rows that each shard makes of its own rows, so that one server is given
 * these in place of the rows: with {@code SUM}, {@code MIN} and {@code MAX} of the shards' own
 * aggregates. Not thread-safe.
 */
final class ShardGroups {

  /** Types of which the least and the largest value is read as the column is. */
  private static final Set<String> EXTREMES =
      Set.of(
          "tinyint",
          "smallint",
          "mediumint",
          "int",
          "bigint",
          "decimal",
          "double",
          "date",
          "datetime",
          "char",
          "varchar",
          "tinytext",
          "text",
          "mediumtext",
          "longtext");

  /** Types that can't be grouped by, or not written down. */
  private static final Set<String> UNGROUPED = Set.of("json", "bit", "vector");

  private static final Set<String> WHOLE_FUNCTIONS =
      Set.of("YEAR", "MONTH", "DAY", "DAYOFMONTH", "HOUR", "MINUTE", "QUARTER", "WEEKDAY");

  private static final Set<String> COMPARISONS = Set.of("=", "<>", "<", ">", "<=", ">=", "<=>");

  private static final int MOST_SCALE = 30;

  /** The digits behind the point of numbers whose averages have nine. */
  private static final int MOST_AVERAGED = 5;

  private static final Pattern DIGITS = Pattern.compile("\\(([0-9]{1,2})");

  /** The digits of numbers of which a sum leaves room for more behind the point. */
  private static final int MOST_DIGITS = 20;

  private final SqlText text;
  private final Query query;
  private final Query.Select select;
  private final Query.Table table;
  private final Span from;
  private final Sources sources;
  private final List<Catalog.Column> columns = new ArrayList<>();
  private final List<Fragment> values = new ArrayList<>();
  private final List<Fragment> groups = new ArrayList<>();
  private final Map<String, String> known = new HashMap<>();
  private final Set<String> names = new HashSet<>();
  private final List<SqlWriter.Edit> edits = new ArrayList<>();
  private boolean impossible;

  private ShardGroups(
      SqlText text, Schema schema, Query query, Query.Select select, Query.Table table, Span from) {
    this.text = text;
    this.query = query;
    this.select = select;
    this.table = table;
    this.from = from;
    this.sources = new Sources(schema, select.from(), Set.of(), new Effort(text));
  }

  /**
   * What one server is given, and what it is asked then.
   *
   * @param edits those of the query's text
   */
  record Plan(Gather.Mention mention, Set<String> names, List<SqlWriter.Edit> edits) {}

  /** The plan of a query; null where shards' groups would not do. */
  static @Nullable Plan of(SqlText text, Schema schema, Query query) {
    Query.Select select = query.select();
    if (select == null
        || !query.ctes().isEmpty()
        || query.locks()
        || select.isStarred()
        || !select.isGrouped()
        || select.sources() == null
        || select.from().size() != 1
        || !(select.from().get(0) instanceof Query.Table table)) {
      return null;
    }
    TableRule rule = schema.topology().tables().get(table.name());
    boolean spread = rule != null && !(rule instanceof TableRule.Reference);
    return !spread || schema.catalog().isMixed(table.name())
        ? null
        : new ShardGroups(text, schema, query, select, table, select.sources()).plan();
  }

  private @Nullable Plan plan() {
    Expr where = select.where();
    if (where != null) {
      impossible |= !isOwn(where);
    }
    checkAliases();
    select.group().forEach(this::group);
    for (Query.Item item : select.items()) {
      int before = edits.size();
      take(item.value());
      if (item.alias() == null && edits.size() > before) {
        String name = new SqlWriter(text).add(item.span()).done().text();
        impossible |= name.length() > Mentions.LONGEST_NAME;
        edits.add(SqlWriter.Edit.behind(item.span(), Fragment.of(Fragment.named(name))));
      }
    }
    if (select.having() != null) {
      take(select.having());
    }
    select.windows().forEach(this::take);
    query.order().forEach(item -> take(item.expr()));
    if (impossible || columns.isEmpty()) {
      return null;
    }
    String temporary = Gather.PREFIX + 0;
    edits.add(
        new SqlWriter.Edit(
            from,
            Fragment.of(
                "FROM " + Fragment.quoted(temporary) + " AS " + Fragment.quoted(table.alias()))));
    return new Plan(
        new Gather.Mention(
            table.name(),
            table.alias(),
            temporary,
            0,
            columns,
            List.of(),
            List.of(),
            false,
            true,
            List.of(),
            List.of(),
            rows(),
            null),
        names,
        edits);
  }

  /** An alias that is another column's name as well may mean either. */
  private void checkAliases() {
    for (Query.Item item : select.items()) {
      String alias = item.alias();
      boolean itself =
          item.value().bare() instanceof Expr.Name name && name.column().equalsIgnoreCase(alias);
      impossible |=
          alias != null
              && !itself
              && sources.isColumn(new Expr.Name(item.span(), null, alias), table);
    }
  }

  private boolean isOwn(Expr expr) {
    return !expr.any(each -> !sources.isOwnPart(each, table));
  }

  private Catalog.@Nullable Column column(Expr expr) {
    return expr.bare() instanceof Expr.Name name && sources.isColumn(name, table)
        ? sources.column(table, name.column())
        : null;
  }

  /** Takes an item of GROUP BY: a column, an expression, an alias or a position. */
  private void group(Expr expr) {
    Expr meant = meant(expr);
    Catalog.Column column = column(meant);
    if (column != null) {
      String type = TemporaryTable.type(column);
      impossible |= UNGROUPED.contains(type) || TemporaryTable.isSpatial(type);
      names.add(SelectItems.key(column.name()));
      add(meant, column, Fragment.of(meant.span()), column.name());
    } else {
      // MariaDB has the last group's value in ROLLUP's rows where more is computed of it.
      String type = isOwn(meant) && !select.rollup() ? typeOf(meant) : null;
      if (type == null) {
        impossible = true;
        return;
      }
      // MySQL does not take more of an expression for the group's than the expression itself.
      add(meant, made("e", type, null), Fragment.of("MIN(", meant.span(), ")"), null);
    }
    groups.add(Fragment.of(meant.span()));
    if (meant == expr && column == null) {
      take(expr);
    }
  }

  private Expr meant(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Literal literal && literal.value() instanceof Long position) {
      return select.at(position);
    }
    if (bare instanceof Expr.Name name && column(name) == null) {
      Expr item = select.items().aliased(name);
      return item == null ? expr : item;
    }
    return expr;
  }

  /** The type of an expression to group by, where that is certain. */
  private @Nullable String typeOf(Expr expr) {
    if (!(expr.bare() instanceof Expr.Call call) || call.over() || call.children().size() != 1) {
      return null;
    }
    Catalog.Column column = column(call.children().get(0));
    String type = column == null ? "" : TemporaryTable.type(column);
    if (!type.equals("date") && !type.equals("datetime")) {
      return null;
    }
    return call.name().equals("DATE")
        ? "date"
        : WHOLE_FUNCTIONS.contains(call.name()) ? "int" : null;
  }

  private Catalog.Column made(String prefix, String type, @Nullable String collation) {
    return new Catalog.Column(
        "_shardflux_" + prefix + columns.size(),
        type,
        true,
        collation,
        false,
        Catalog.Filling.GIVEN);
  }

  /**
   * Adds a column of the temporary table.
   *
   * @param name the name of the table's column that it is; null if it is none
   */
  private String add(Expr expr, Catalog.Column column, Fragment value, @Nullable String name) {
    String key = name == null ? words(expr) : "column " + SelectItems.key(name);
    String there = known.get(key);
    if (there == null) {
      there = Fragment.quoted(table.alias()) + "." + Fragment.quoted(column.name());
      known.put(key, there);
      columns.add(column);
      values.add(value);
    }
    return there;
  }

  private String words(Expr expr) {
    return expr.bare().span().of(text.text());
  }

  /** Takes an expression over the groups. */
  private void take(Expr expr) {
    expr.walk(
        each -> {
          if (impossible) {
            return false;
          }
          String grouped = each instanceof Expr.Name ? null : known.get(words(each));
          if (grouped != null && !Functions.isAggregate(each.bare())) {
            edits.add(new SqlWriter.Edit(each.span(), Fragment.of(grouped)));
            return false;
          }
          if (isRoundedAverage(each)) {
            return false;
          }
          if (Functions.isAggregate(each)) {
            aggregate((Expr.Call) each);
            return false;
          }
          impossible |= !isOfGroups(each);
          return !impossible;
        });
  }

  private boolean isOfGroups(Expr part) {
    if (part instanceof Expr.Name name) {
      return names.contains(SelectItems.key(name.column()))
          ? name.table() == null || name.table().equals(table.alias())
          : name.table() == null && select.items().aliased(name) != null;
    }
    return !(part instanceof Expr.Subquery)
        && !(part instanceof Expr.Variable)
        && !(part instanceof Expr.Call call && !isUsable(call.name()));
  }

  private static boolean isUsable(String name) {
    return Functions.isKnown(name)
        && !Functions.SESSION.contains(name)
        && !Mentions.OF_TABLES.contains(name);
  }

  private void aggregate(Expr.Call call) {
    String made = call.distinct() || call.children().size() > 1 ? null : combined(call);
    if (made == null) {
      impossible = true;
      return;
    }
    edits.add(new SqlWriter.Edit(call.span(), Fragment.of(made)));
  }

  /** What the server computes of the shards' aggregates in place of one; null where it can't. */
  private @Nullable String combined(Expr.Call call) {
    Expr argument = call.children().isEmpty() ? null : call.children().get(0);
    if (argument != null && !isOwn(argument)) {
      return null;
    }
    return switch (call.name()) {
      case "COUNT" -> "CAST(COALESCE(SUM(" + count(call, argument) + "), 0) AS SIGNED)";
      case "SUM" -> sum(argument);
      case "AVG" -> argument == null ? null : average(argument);
      case "MIN", "MAX" -> extreme(call, argument);
      default -> null;
    };
  }

  /** A quotient has the digits of an average only where servers keep those of quotients. */
  private @Nullable String average(Expr argument) {
    boolean same =
        isReal(argument) || sources.schema().catalog().quotients() == Catalog.Quotients.KEPT;
    String sum = same ? sum(argument) : null;
    return sum == null ? null : "(" + sum + " / SUM(" + count(null, argument) + "))";
  }

  /**
   * Takes an average that is rounded to no more digits than it shows, where servers round
   * quotients. They have cut it behind nine digits by then. Whatever a count can be, a quotient
   * with thirty digits tells these nine.
   */
  private boolean isRoundedAverage(Expr expr) {
    if (!(expr instanceof Expr.Call round)
        || round.over()
        || !round.name().equals("ROUND")
        || !(round.children().get(0).bare() instanceof Expr.Call average)
        || !Functions.isAggregate(average)
        || !average.name().equals("AVG")
        || average.distinct()
        || sources.schema().catalog().quotients() != Catalog.Quotients.ROUNDED) {
      return false;
    }
    Expr argument = average.children().get(0);
    Catalog.Column column = column(argument);
    if (column == null || isLong(column)) {
      return false;
    }
    Integer scale = scale(column);
    long digits = digits(round);
    if (scale == null || scale > MOST_AVERAGED || digits < 0 || digits > scale + 4) {
      return false;
    }
    String made =
        "TRUNCATE(CAST("
            + sum(argument)
            + " AS DECIMAL(65,26)) / SUM("
            + count(null, argument)
            + "), 9)";
    edits.add(new SqlWriter.Edit(average.span(), Fragment.of(made)));
    return true;
  }

  private static long digits(Expr.Call round) {
    if (round.children().size() == 1) {
      return 0;
    }
    return round.children().get(1).bare() instanceof Expr.Literal literal
            && literal.value() instanceof Long digits
        ? digits
        : -1;
  }

  /**
   * Tells whether sums of a column's numbers may have too many digits for more behind the point.
   */
  private static boolean isLong(Catalog.Column column) {
    Matcher length = DIGITS.matcher(column.type());
    return TemporaryTable.type(column).equals("decimal")
        && (!length.find() || Integer.parseInt(length.group(1)) > MOST_DIGITS);
  }

  private boolean isReal(Expr argument) {
    Catalog.Column column = column(argument);
    return column != null && column.type().equalsIgnoreCase("double");
  }

  private String count(Expr.@Nullable Call call, @Nullable Expr argument) {
    Fragment value =
        call == null && argument != null
            ? Fragment.of("COUNT(", argument.span(), ")")
            : Fragment.of(call == null ? "COUNT(*)" : call.span());
    return aggregated(value, "bigint", null);
  }

  private @Nullable String sum(@Nullable Expr argument) {
    if (argument == null) {
      return null;
    }
    boolean real = isReal(argument);
    Integer scale = real ? null : scale(argument);
    if (!real && scale == null) {
      return null;
    }
    String type = real ? "double" : "decimal(65," + scale + ")";
    return "SUM(" + aggregated(Fragment.of("SUM(", argument.span(), ")"), type, null) + ")";
  }

  /** The digits behind the point of a sum's number; null where it may be none, or a double. */
  private @Nullable Integer scale(Expr expr) {
    Expr bare = expr.bare();
    Catalog.Column column = column(bare);
    if (column != null) {
      return scale(column);
    }
    if (bare instanceof Expr.Literal literal) {
      return literal.value() instanceof Long
          ? Integer.valueOf(0)
          : literal.value() instanceof BigDecimal number ? Integer.valueOf(number.scale()) : null;
    }
    if (bare instanceof Expr.Call call && call.name().equals("IF") && call.children().size() == 3) {
      return larger(scale(call.children().get(1)), scale(call.children().get(2)));
    }
    if (!(bare instanceof Expr.Op op) || op.children().size() != 2) {
      return null;
    }
    if (COMPARISONS.contains(op.operator())) {
      return 0;
    }
    Integer left = scale(op.children().get(0));
    Integer right = scale(op.children().get(1));
    return switch (op.operator()) {
      case "+", "-" -> larger(left, right);
      case "*" ->
          left == null || right == null || left + right > MOST_SCALE
              ? null
              : Integer.valueOf(left + right);
      default -> null;
    };
  }

  private static @Nullable Integer larger(@Nullable Integer a, @Nullable Integer b) {
    return a == null || b == null ? null : Integer.valueOf(Math.max(a, b));
  }

  private static @Nullable Integer scale(Catalog.Column column) {
    String type = TemporaryTable.type(column);
    if (!type.equals("decimal")) {
      return type.endsWith("int") ? Integer.valueOf(0) : null;
    }
    String whole = column.type().toLowerCase(Locale.ROOT);
    int comma = whole.indexOf(',');
    int end = whole.indexOf(')');
    return comma < 0 || end < comma
        ? Integer.valueOf(0)
        : Integer.valueOf(whole.substring(comma + 1, end).trim());
  }

  private @Nullable String extreme(Expr.Call call, @Nullable Expr argument) {
    Catalog.Column column = argument == null ? null : column(argument);
    if (column == null || !EXTREMES.contains(TemporaryTable.type(column))) {
      return null;
    }
    boolean text = column.collation() != null && Bindable.of(column) == null;
    return text
        ? null
        : call.name()
            + "("
            + aggregated(Fragment.of(call.span()), column.type(), column.collation())
            + ")";
  }

  private String aggregated(Fragment value, String type, @Nullable String collation) {
    String key = "aggregate " + value.in(text.text());
    String there = known.get(key);
    if (there == null) {
      Catalog.Column column = made("a", type, collation);
      there = Fragment.quoted(table.alias()) + "." + Fragment.quoted(column.name());
      known.put(key, there);
      columns.add(column);
      values.add(value);
    }
    return there;
  }

  private ShardSql rows() {
    SqlWriter sql = new SqlWriter(text).add("SELECT CONVERT(CONCAT('('");
    for (int i = 0; i < columns.size(); i++) {
      sql.add(i == 0 ? ", " : ", ',', ");
      sql.add(TemporaryTable.literal(columns.get(i), values.get(i)));
    }
    sql.add(", ')') USING utf8mb4) AS r FROM ");
    sql.add(Fragment.quoted(table.name()) + " AS " + Fragment.quoted(table.alias()));
    if (select.condition() != null) {
      sql.add(" WHERE (").add(select.condition()).add(")");
    }
    if (!groups.isEmpty()) {
      sql.add(" GROUP BY ").add(Fragment.joined(groups, ", "));
    }
    return GatherPlanner.limited(sql.done(), text);
  }
}
