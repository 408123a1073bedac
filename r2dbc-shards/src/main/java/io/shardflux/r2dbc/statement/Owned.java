package io.shardflux.r2dbc.statement;

import io.shardflux.router.Internal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A place in a text, {@code :owned(users)} or {@code :owned(users u)}, that stands for the
 * condition that a row of the table lies where it belongs. It is {@code TRUE} while the table's
 * keys stay.
 *
 * @param alias what the statement calls the table, or null if by its name
 * @param from where it begins in the text
 * @param to where it ends
 */
@Internal
public record Owned(String table, @Nullable String alias, int from, int to) {

  /** The condition while keys stay. */
  static final String AT_REST = "(TRUE)";

  private static final Pattern FORM =
      Pattern.compile(
          ":owned\\(\\s*+([\\p{L}_$][\\p{L}\\p{N}_$]*+)\\s*+(?!\\p{N})([\\p{L}\\p{N}_$]*+)\\s*+\\)");

  /** The one that begins there, or null. */
  static @Nullable Owned at(String sql, int from) {
    if (!sql.startsWith(":owned(", from)) {
      return null;
    }
    Matcher found = FORM.matcher(sql).region(from, sql.length());
    return found.lookingAt()
        ? new Owned(found.group(1), alias(found.group(2)), from, found.end())
        : null;
  }

  private static @Nullable String alias(String name) {
    return name.isEmpty() ? null : name;
  }

  /** The name by which the statement's columns are qualified, quoted. */
  public String qualifier() {
    return "`" + (alias == null ? table : alias) + "`";
  }
}
