package io.shardflux.sql.gather;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Fragment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rows of mentions that stand in front of a text, each mention's as a query of {@code WITH} over
 * one bound JSON text.
 *
 * @param definitions the queries
 * @param markers for each query that has a marker the index of that
 */
@Internal
public record RowsInText(String definitions, List<Integer> markers) {

  private static final String WITH = "WITH";
  private static final String RECURSIVE = "RECURSIVE";

  /**
   * The rows of some mentions, and of those like them.
   *
   * @param mentions their indexes
   * @param first the index of the first one's marker; the others' follow
   */
  public static RowsInText of(Gather gather, Collection<Integer> mentions, int first) {
    List<String> definitions = new ArrayList<>();
    List<Integer> markers = new ArrayList<>();
    for (int index : mentions) {
      Gather.Mention mention = gather.mentions().get(index);
      definitions.add(definition(mention.temporary(), JsonRows.table(mention.columns())));
      markers.add(first + markers.size());
      for (Gather.Mention like : gather.likes(index)) {
        if (!like.temporary().equals(mention.temporary())) {
          definitions.add(definition(like.temporary(), Fragment.quoted(mention.temporary())));
        }
      }
    }
    return new RowsInText(String.join(", ", definitions), markers);
  }

  private static String definition(String name, String source) {
    return Fragment.quoted(name) + " AS (SELECT * FROM " + source + ")";
  }

  /** A query with the rows; null where it begins in a way that is not expected. */
  public @Nullable ShardSql in(ShardSql sql) {
    String text = sql.text();
    if (text.isEmpty() || !(text.charAt(0) == '(' || Character.isLetter(text.charAt(0)))) {
      return null;
    }
    if (!isWord(text, 0, WITH)) {
      return in(sql, 0, WITH + " " + definitions + " ");
    }
    int at = afterSpace(text, WITH.length());
    if (isWord(text, at, RECURSIVE)) {
      at = afterSpace(text, at + RECURSIVE.length());
    }
    return text.charAt(at) == '`' || Character.isLetter(text.charAt(at)) || text.charAt(at) == '_'
        ? in(sql, at, definitions + ", ")
        : null;
  }

  private ShardSql in(ShardSql sql, int at, String added) {
    List<Integer> all = new ArrayList<>(markers);
    all.addAll(sql.markers());
    return new ShardSql(
        sql.text().substring(0, at) + added + sql.text().substring(at),
        all,
        sql.sources().stream().map(source -> moved(source, added.length())).toList());
  }

  private static ShardSql.Source moved(ShardSql.Source source, int by) {
    return new ShardSql.Source(
        source.table(), source.alias(), source.way(), source.start() + by, source.end() + by);
  }

  private static boolean isWord(String text, int at, String word) {
    int end = at + word.length();
    return text.regionMatches(true, at, word, 0, word.length())
        && end < text.length()
        && Character.isWhitespace(text.charAt(end));
  }

  private static int afterSpace(String text, int from) {
    int at = from;
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at;
  }
}
