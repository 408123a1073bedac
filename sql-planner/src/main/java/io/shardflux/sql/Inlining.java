package io.shardflux.sql;

import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.RowsInText;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Plans a read as if each server had the rows of some of its mentions, because each is sent them
 * with the text: these mentions are reference tables then. Thread-safe.
 */
final class Inlining {

  /** The sets of mentions whose plans are kept. */
  private static final int MOST_KNOWN = 4;

  private final SqlText text;
  private final Schema schema;
  private final PlannerOptions options;
  private final Gather gather;
  private final Map<Set<Integer>, Optional<Prepared.WithRows>> known = new ConcurrentHashMap<>();

  Inlining(SqlText text, Schema schema, PlannerOptions options, Gather gather) {
    this.text = text;
    this.schema = schema;
    this.options = options;
    this.gather = gather;
  }

  /** Tells whether {@link #with} takes no time, because it is known. */
  boolean isKnown(Set<Integer> mentions) {
    return !isPossible(mentions) || known.containsKey(mentions);
  }

  /** The plan; empty if there is none. */
  Optional<Prepared.WithRows> with(Set<Integer> mentions) {
    if (!isPossible(mentions)) {
      return Optional.empty();
    }
    Optional<Prepared.WithRows> found = known.get(mentions);
    return found != null ? found : made(mentions);
  }

  private Optional<Prepared.WithRows> made(Set<Integer> mentions) {
    Optional<Prepared.WithRows> made = Optional.ofNullable(plan(new TreeSet<>(mentions)));
    if (known.size() >= MOST_KNOWN) {
      known.clear();
    }
    known.put(Set.copyOf(mentions), made);
    return made;
  }

  /** Tells whether other mentions are left, and these can be replaced. */
  private boolean isPossible(Set<Integer> mentions) {
    return mentions.size() < gather.mentions().size()
        && mentions.stream()
            .map(gather.mentions()::get)
            .allMatch(mention -> mention.place() != null && mention.fitsText());
  }

  private Prepared.@Nullable WithRows plan(SortedSet<Integer> mentions) {
    List<SqlWriter.Edit> edits = new ArrayList<>();
    for (int index : mentions) {
      Gather.Mention mention = gather.mentions().get(index);
      Gather.Place place = mention.place();
      if (place != null) {
        edits.add(
            new SqlWriter.Edit(
                new Span(place.start(), place.end()),
                Fragment.of(
                    Fragment.quoted(mention.temporary())
                        + " AS "
                        + Fragment.quoted(mention.alias()))));
      }
    }
    ShardSql sql = SqlWriter.edited(text, edits);
    try {
      Prepared prepared = new Preparation(sql.text(), schema(mentions), options, false).prepare();
      RowsInText rows = RowsInText.of(gather, mentions, prepared.markers().size());
      Prepared behind = prepared.behind(rows, names(mentions));
      return behind == null ? null : new Prepared.WithRows(behind, sql.markers());
    } catch (RefusedSqlException refused) {
      return null;
    }
  }

  private Set<String> names(Set<Integer> mentions) {
    Set<String> names = new HashSet<>();
    mentions.forEach(index -> names.add(gather.mentions().get(index).temporary()));
    return names;
  }

  /** The tables of the read alone, and those that stand for the mentions. */
  private Schema schema(Set<Integer> mentions) {
    Map<String, List<Catalog.Column>> columns = new HashMap<>();
    Topology.Builder topology = Topology.builder().epoch(schema.topology().epoch());
    schema.topology().shards().forEach(topology::shard);
    schema.topology().strategies().forEach(topology::strategy);
    Set<String> tables = new HashSet<>(gather.copies());
    gather.mentions().forEach(mention -> tables.add(mention.table()));
    for (String table : tables) {
      columns.put(table, schema.columns(table));
      topology.table(schema.rule(table));
    }
    for (int index : mentions) {
      Gather.Mention mention = gather.mentions().get(index);
      columns.put(mention.temporary(), mention.columns().stream().map(Inlining::plain).toList());
      topology.table(new TableRule.Reference(mention.temporary()));
    }
    return new Schema(schema.catalog().only(tables, columns), topology.build());
  }

  /** The column as a query has it, of which no key is known. */
  private static Catalog.Column plain(Catalog.Column column) {
    return new Catalog.Column(
        column.name(),
        column.type(),
        column.nullable(),
        column.collation(),
        false,
        Catalog.Filling.GIVEN);
  }
}
