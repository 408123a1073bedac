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
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Plans a read as if each server had the rows of some of its mentions, because each is sent them
 * with the text: these mentions are reference tables then. Thread-safe.
 */
final class Inlining {

  /** The plans that are kept. */
  private static final int MOST_KNOWN = 16;

  /** What a plan is for: the mentions that are sent, and how others are cut down. */
  private record Key(Set<Integer> mentions, List<Gather.Cut> cuts) {}

  private final SqlText text;
  private final Schema schema;
  private final PlannerOptions options;
  private final Gather gather;
  private final Map<Key, Optional<Prepared.WithRows>> known = new ConcurrentHashMap<>();

  Inlining(SqlText text, Schema schema, PlannerOptions options, Gather gather) {
    this.text = text;
    this.schema = schema;
    this.options = options;
    this.gather = gather;
  }

  /** Tells whether {@link #with} takes no time, because it is known. */
  boolean isKnown(Set<Integer> mentions, List<Gather.Cut> cuts) {
    return !isPossible(mentions, cuts) || known.containsKey(new Key(mentions, cuts));
  }

  /** The plan; empty if there is none. */
  Optional<Prepared.WithRows> with(Set<Integer> mentions, List<Gather.Cut> cuts) {
    if (!isPossible(mentions, cuts)) {
      return Optional.empty();
    }
    Key key = new Key(Set.copyOf(mentions), List.copyOf(cuts));
    Optional<Prepared.WithRows> found = known.get(key);
    return found != null ? found : made(key);
  }

  private Optional<Prepared.WithRows> made(Key key) {
    Optional<Prepared.WithRows> made = Optional.ofNullable(plan(key));
    if (known.size() >= MOST_KNOWN) {
      known.clear();
    }
    known.put(key, made);
    return made;
  }

  /** Tells whether other mentions are left, and these can be replaced. */
  private boolean isPossible(Set<Integer> mentions, List<Gather.Cut> cuts) {
    return !gather.tablesOnly()
        && mentions.size() < gather.mentions().size()
        && mentions.stream().map(gather.mentions()::get).allMatch(Gather.Mention::fitsText)
        && Stream.concat(mentions.stream(), cuts.stream().map(Gather.Cut::mention))
            .allMatch(index -> gather.mentions().get(index).place() != null);
  }

  private Prepared.@Nullable WithRows plan(Key key) {
    SortedSet<Integer> mentions = new TreeSet<>(key.mentions());
    ShardSql sql = text(mentions, key.cuts());
    try {
      Prepared prepared = new Preparation(sql.text(), schema(mentions), options, false).prepare();
      RowsInText rows = RowsInText.of(gather, mentions, prepared.markers().size());
      Prepared behind = prepared.behind(rows, names(mentions));
      return behind == null ? null : new Prepared.WithRows(behind, sql.markers());
    } catch (RefusedSqlException refused) {
      return null;
    }
  }

  /** The text with names in the places of mentions. Values that cut have the last markers. */
  private ShardSql text(Set<Integer> mentions, List<Gather.Cut> cuts) {
    SortedMap<Gather.Place, ShardSql> places =
        new TreeMap<>(Comparator.comparingInt(Gather.Place::start));
    for (int index : mentions) {
      Gather.Mention mention = gather.mentions().get(index);
      places.put(
          placeOf(mention),
          new ShardSql(
              Fragment.quoted(mention.temporary()) + " AS " + Fragment.quoted(mention.alias()),
              List.of()));
    }
    int next = text.markers().size();
    for (Gather.Cut cut : cuts) {
      Gather.Mention mention = gather.mentions().get(cut.mention());
      ShardSql rows = mention.only(cut.filters(), next);
      next += rows.markers().size();
      places.put(placeOf(mention), rows);
    }
    StringBuilder all = new StringBuilder();
    List<Integer> markers = new ArrayList<>();
    int at = text.body().start();
    for (Map.Entry<Gather.Place, ShardSql> each : places.entrySet()) {
      add(new SqlWriter(text).add(new Span(at, each.getKey().start())).done(), all, markers);
      add(each.getValue(), all, markers);
      at = each.getKey().end();
    }
    add(new SqlWriter(text).add(new Span(at, text.body().end())).done(), all, markers);
    return new ShardSql(all.toString(), markers);
  }

  private static Gather.Place placeOf(Gather.Mention mention) {
    return Objects.requireNonNull(mention.place(), "place");
  }

  private static void add(ShardSql piece, StringBuilder all, List<Integer> markers) {
    all.append(piece.text());
    markers.addAll(piece.markers());
  }

  private Set<String> names(Set<Integer> mentions) {
    Set<String> names = new HashSet<>();
    mentions.forEach(index -> names.add(gather.mentions().get(index).temporary()));
    return names;
  }

  /** The tables of the read alone, and those that stand for the mentions. */
  private Schema schema(Set<Integer> mentions) {
    Map<String, List<Catalog.Column>> columns = new HashMap<>();
    Topology.Builder topology = Topology.builder();
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
