package io.shardflux.driver;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The rows that were found for a write, as literals. Used by one thread at a time. */
final class FoundRows {

  /** Characters of the rows of one statement, unless one row has more. */
  private static final int PIECE = 64 << 10;

  private final boolean keys;
  private final int maxRows;
  private final int maxBytes;
  private final Set<String> seen = new HashSet<>();
  private final List<StringBuilder> pieces = new ArrayList<>();
  private int rows;
  private long bytes;

  /**
   * Of one write.
   *
   * @param keys whether they are keys of rows, of which each counts once
   */
  FoundRows(boolean keys, int maxRows, int maxBytes) {
    this.keys = keys;
    this.maxRows = maxRows;
    this.maxBytes = maxBytes;
  }

  /** The rows in pieces, with commas between the rows of each. */
  List<StringBuilder> pieces() {
    return pieces;
  }

  /** Takes a row; an empty text is one that can't be written down. */
  void add(String literals) {
    if (literals.isEmpty()) {
      throw new RefusedSqlException(
          RefusalCode.GATHERED_VALUE,
          "a row to write that a server can't write down exactly, such as JSON with decimals, dates"
              + " or binary values, or a moment that the session's clock shows twice");
    }
    if (keys && (isNone(literals) || !seen.add(literals))) {
      return;
    }
    rows++;
    bytes += 2L * literals.length();
    if (rows > maxRows || bytes > maxBytes) {
      throw new RefusedSqlException(
          RefusalCode.TOO_MANY_GATHERED_ROWS,
          (rows > maxRows ? "more than " + maxRows + " rows" : "more than " + maxBytes + " bytes")
              + " to write");
    }
    if (pieces.isEmpty() || pieces.get(pieces.size() - 1).length() + literals.length() > PIECE) {
      pieces.add(new StringBuilder(literals));
    } else {
      pieces.get(pieces.size() - 1).append(", ").append(literals);
    }
  }

  /** Tells whether a key is that of no row, as an outer join may give. */
  private static boolean isNone(String literals) {
    return literals.replace("NULL", "").chars().allMatch(c -> c == '(' || c == ',' || c == ')');
  }
}
