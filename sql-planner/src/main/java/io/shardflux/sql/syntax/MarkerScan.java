package io.shardflux.sql.syntax;

import org.jspecify.annotations.Nullable;

/**
 * Finds the markers of a text one after the other, and reads no further than it is asked to. The
 * planner finds the same markers, unless it refuses the text. Not thread-safe.
 */
public final class MarkerScan {

  private final String text;
  private int at;
  private int nameStart;

  /**
   * A scan of a text, from its start.
   *
   * @param text SQL, complete or malformed
   */
  public MarkerScan(String text) {
    this.text = text;
  }

  /** {@return the number of characters that have been read} */
  public int at() {
    return at;
  }

  /** {@return whether all characters have been read} */
  public boolean ended() {
    return at >= text.length();
  }

  /**
   * Reads on to behind the next marker.
   *
   * @param end where to give up; a quoted text or a comment may go beyond it
   * @return whether there was a marker
   */
  public boolean next(int end) {
    int bound = Math.min(end, text.length());
    while (at < bound) {
      char c = text.charAt(at);
      if (c == '?') {
        at++;
        nameStart = at;
        return true;
      }
      if (c == ':' && startsName(at + 1)) {
        nameStart = at + 1;
        at = wordEnd(nameStart);
        return true;
      }
      skip(c);
    }
    return false;
  }

  /** {@return the name of the marker that was read last; null for a {@code ?}} */
  public @Nullable String name() {
    return nameStart == at ? null : text.substring(nameStart, at);
  }

  private void skip(char c) {
    if (c == '\'' || c == '"' || c == '`') {
      at = quotedEnd(c);
    } else if (c == '#' || (c == '-' && SqlLexer.startsLineComment(text, at))) {
      at = behind("\n", at);
    } else if (c == '/' && text.startsWith("/*", at)) {
      at = behind("*/", at + 2);
    } else {
      at++;
    }
  }

  /** The position behind the next such quote. A doubled quote ends a string and begins another. */
  private int quotedEnd(char quote) {
    int i = at + 1;
    while (i < text.length() && text.charAt(i) != quote) {
      i += text.charAt(i) == '\\' && quote != '`' ? 2 : 1;
    }
    return Math.min(i + 1, text.length());
  }

  private int behind(String mark, int from) {
    int found = text.indexOf(mark, from);
    return found < 0 ? text.length() : found + mark.length();
  }

  private boolean startsName(int index) {
    return index < text.length()
        && SqlLexer.isWord(text.charAt(index))
        && !SqlLexer.isDigit(text.charAt(index));
  }

  private int wordEnd(int from) {
    int end = from;
    while (end < text.length() && SqlLexer.isWord(text.charAt(end))) {
      end++;
    }
    return end;
  }
}
