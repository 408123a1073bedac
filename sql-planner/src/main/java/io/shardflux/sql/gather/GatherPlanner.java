package io.shardflux.sql.gather;

import io.shardflux.router.Internal;
import io.shardflux.router.TableRule;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Says which rows one server must be given so that it answers a read by itself. */
@Internal
public record GatherPlanner(SqlText text, Schema schema) {

  /** The reasons for which shards can't answer a read that one server with their rows can. */
  private static final Set<RefusalCode> GATHERED =
      Set.of(
          RefusalCode.SYNTAX,
          RefusalCode.NON_DETERMINISTIC,
          RefusalCode.CROSS_SHARD_JOIN,
          RefusalCode.CROSS_SHARD_SUBQUERY,
          RefusalCode.SET_OPERATION,
          RefusalCode.AGGREGATE,
          RefusalCode.AGGREGATE_EXPRESSION,
          RefusalCode.HAVING,
          RefusalCode.WINDOW,
          RefusalCode.UNSORTABLE);

  /** Tells whether a read that is refused so may be gathered. */
  public static boolean gathers(RefusedSqlException refusal) {
    return GATHERED.contains(refusal.code()) && !refusal.isOpen();
  }

  /** The plan for a read; null where one server with the rows would not give the answer either. */
  @Nullable
  public Gather plan(Query query) {
    return plan(query, null, false);
  }

  /**
   * The plan for the query of an {@code INSERT}.
   *
   * @param target what the query fills
   * @param ignoring whether values are made fit
   */
  @Nullable Gather plan(Query query, Gather.@Nullable Target target, boolean ignoring) {
    try {
      return planned(query, target, ignoring);
    } catch (RefusedSqlException refused) {
      // The reason that the read was refused for before is told.
      return null;
    }
  }

  private @Nullable Gather planned(Query query, Gather.@Nullable Target target, boolean ignoring) {
    ShardGroups.Plan groups = ShardGroups.of(text, schema, query);
    if (groups == null) {
      return ofRows(query, target, ignoring);
    }
    Gather gather =
        new Gather(
            List.of(groups.mention()),
            Set.of(),
            groups.names(),
            statement(query, groups.edits(), target, ignoring),
            target,
            true);
    return gather.fits() ? gather : null;
  }

  private ShardSql statement(
      Query query, List<SqlWriter.Edit> edits, Gather.@Nullable Target target, boolean ignoring) {
    return target == null
        ? SqlWriter.edited(text, edits)
        : new SqlWriter(text)
            .add(target.insert(ignoring))
            .add(SqlWriter.edited(query.span(), edits))
            .done();
  }

  private @Nullable Gather ofRows(Query query, Gather.@Nullable Target target, boolean ignoring) {
    Mentions mentions = new Mentions(text, schema);
    if (!mentions.take(query) || (target == null && mentions.all().isEmpty())) {
      return null;
    }
    List<Gather.Mention> gathered = new ArrayList<>();
    Cuts cuts = new Cuts(mentions.links());
    for (Mentions.Found found : mentions.all()) {
      Gather.Mention mention = mention(found, mentions, cuts, gathered.size());
      if (mentions.looksAtStored() && mention.columns().stream().anyMatch(GatherPlanner::isJson)) {
        return null;
      }
      gathered.add(mention);
    }
    Gather gather =
        new Gather(
            gathered,
            mentions.copies(),
            mentions.columns(),
            statement(query, mentions.edits(), target, ignoring),
            target,
            mentions.hasNamesOfTwo());
    return gather.fits() ? gather : null;
  }

  private static boolean isJson(Catalog.Column column) {
    return TemporaryTable.type(column).equals("json");
  }

  private Gather.Mention mention(Mentions.Found found, Mentions mentions, Cuts cuts, int index) {
    String table = found.table().name();
    List<Catalog.Column> all = schema.columns(table);
    List<Catalog.Column> columns =
        all.stream().filter(each -> found.starred() || mentions.needs(each.name())).toList();
    if (columns.isEmpty()) {
      columns =
          List.of(all.stream().filter(Catalog.Column::primary).findFirst().orElse(all.get(0)));
    }
    List<Catalog.Column> key = all.stream().filter(Catalog.Column::primary).toList();
    if (!columns.containsAll(key) || !TemporaryTable.isKeyable(key)) {
      key = List.of();
    }
    List<List<Catalog.Column>> unique = new ArrayList<>(schema.uniqueKeys(table));
    List<Catalog.Column> named = columns;
    unique.removeIf(each -> !named.containsAll(each) || !TemporaryTable.isKeyable(each));
    return new Gather.Mention(
        table,
        found.table().alias(),
        Gather.PREFIX + index,
        mentions.same(index),
        columns,
        key,
        unique,
        !key.isEmpty() && tellsApart(table, key),
        false,
        cuts.joinColumns(index),
        cuts.links(index),
        rows(found, columns, cuts.joinColumns(index), mentions.embeds()),
        mentions.isReplaceable()
            ? new Gather.Place(found.table().span().start(), found.table().span().end())
            : null);
  }

  /** Tells whether a primary key tells rows of all shards apart. */
  private boolean tellsApart(String table, List<Catalog.Column> key) {
    TableRule.Sharded sharded = schema.sharded(table);
    return sharded == null
        || (schema.keyParts(sharded).stream().allMatch(KeyPart::exact)
            && sharded.key().stream()
                .allMatch(
                    part ->
                        key.stream().anyMatch(each -> each.name().equalsIgnoreCase(part.name()))));
  }

  private ShardSql rows(
      Mentions.Found found,
      List<Catalog.Column> columns,
      List<Gather.JoinColumn> joined,
      boolean embedded) {
    Query.Table table = found.table();
    SqlWriter sql = new SqlWriter(text);
    sql.add("SELECT " + TemporaryTable.literals(columns, table.alias(), embedded) + " AS r");
    for (int i = 0; i < joined.size(); i++) {
      String column = Fragment.quoted(joined.get(i).column());
      sql.add(", " + Fragment.quoted(table.alias()) + "." + column + " AS k" + i);
    }
    sql.add(" FROM ");
    sql.add(Fragment.quoted(table.name()) + " AS " + Fragment.quoted(table.alias()));
    String before = " WHERE (";
    for (Expr condition : found.conditions()) {
      sql.add(before).add(condition.span()).add(")");
      before = " AND (";
    }
    return limited(sql.done(), text);
  }

  /** The text with a marker for a limit, behind those of the statement. */
  static ShardSql limited(ShardSql rows, SqlText text) {
    List<Integer> markers = new ArrayList<>(rows.markers());
    markers.add(text.markers().size());
    return new ShardSql(rows.text() + " LIMIT ?", markers);
  }
}
