package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.SchemaName;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.StatementParser;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Leaves the shards' own database out of a text, in which each shard finds tables anyway. */
@Internal
public record OwnDatabase(SqlText text, Schema schema) {

  /** The longest name that servers take for a column. */
  private static final int LONGEST_NAME = 256;

  /** SQL that is to stand in place of a span. */
  private record Edit(Span span, String sql) {}

  /**
   * The text without the database.
   *
   * @throws RefusedSqlException if it names another one
   */
  public String without(StatementParser.Parsed parsed) {
    String own = schema.catalog().database();
    List<Edit> edits = new ArrayList<>();
    for (SchemaName name : parsed.schemas()) {
      check(name, own, parsed);
      edits.add(new Edit(name.span(), ""));
    }
    for (Span item : parsed.unnamed()) {
      String name = item.of(text.text());
      if (name.length() <= LONGEST_NAME) {
        edits.add(new Edit(new Span(item.end(), item.end()), Fragment.named(name)));
      }
    }
    edits.sort(Comparator.comparingInt(edit -> edit.span().start()));
    StringBuilder sql = new StringBuilder();
    int at = 0;
    for (Edit edit : edits) {
      sql.append(text.text(), at, edit.span().start()).append(edit.sql());
      at = edit.span().end();
    }
    return sql.append(text.text(), at, text.text().length()).toString();
  }

  private static void check(SchemaName name, @Nullable String own, StatementParser.Parsed parsed) {
    String told = name.database() + "." + name.table();
    if (own == null) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE,
          told + ": a table with its database, while the shards' own have different names");
    }
    if (!own.equals(name.database())) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE,
          told + ": a table of another database than the shards' own, " + own);
    }
    if (parsed.queries().contains(name.table().toLowerCase(Locale.ROOT))) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE, told + ": a table beside a query of WITH of the same name");
    }
  }
}
