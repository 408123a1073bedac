package io.shardflux.sql.statement;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Conditions of tables' rows on their way into a text. Not thread-safe. */
final class RowConditions {

  /** Those that stand together, by their place. */
  private final Map<Place, List<String>> conditions = new LinkedHashMap<>();

  private record Place(int start, int end, ShardSql.Way way, String alias) {}

  /**
   * What is put into a text.
   *
   * @param at the place in the text
   * @param rank what comes first in the same place: ends, a new {@code WHERE}, starts
   * @param start where an end began; of two ends the inner one comes first
   */
  private record Insertion(int at, int rank, int start, String sql) {}

  void add(ShardSql.Source source, UnaryOperator<String> condition) {
    if (source.way() == ShardSql.Way.NONE) {
      throw new RefusedSqlException(
          RefusalCode.TABLE_MOVING,
          source.table() + ": rows stand on two shards while their keys move");
    }
    String alias = "`" + source.alias().replace("`", "``") + "`";
    switch (source.way()) {
      case COLUMN -> at(source, alias);
      case DERIVED -> at(source, alias).add(condition.apply(""));
      default -> at(source, "").add(condition.apply(alias + "."));
    }
  }

  private List<String> at(ShardSql.Source source, String alias) {
    return conditions.computeIfAbsent(
        new Place(source.start(), source.end(), source.way(), alias), place -> new ArrayList<>());
  }

  String in(String text) {
    List<Insertion> insertions = new ArrayList<>();
    conditions.forEach((place, all) -> insert(place, String.join(" AND ", all), insertions));
    insertions.sort(
        Comparator.comparingInt(Insertion::at)
            .thenComparingInt(Insertion::rank)
            .thenComparingInt(insertion -> -insertion.start()));
    StringBuilder sql = new StringBuilder();
    int at = 0;
    for (Insertion insertion : insertions) {
      sql.append(text, at, insertion.at()).append(insertion.sql());
      at = insertion.at();
    }
    return sql.append(text, at, text.length()).toString();
  }

  private static void insert(Place place, String condition, List<Insertion> insertions) {
    String alias = " AS " + place.alias();
    switch (place.way()) {
      case COLUMN -> insertions.add(new Insertion(place.end(), 1, place.start(), alias));
      case WHERE ->
          insertions.add(new Insertion(place.end(), 1, place.start(), " WHERE " + condition));
      case DERIVED -> {
        insertions.add(new Insertion(place.start(), 2, 0, "(SELECT * FROM "));
        insertions.add(
            new Insertion(place.end(), 0, place.start(), " WHERE " + condition + ")" + alias));
      }
      default -> {
        insertions.add(new Insertion(place.start(), 2, 0, "("));
        insertions.add(new Insertion(place.end(), 0, place.start(), ") AND " + condition));
      }
    }
  }
}
