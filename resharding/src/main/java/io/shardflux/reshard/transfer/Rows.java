package io.shardflux.reshard.transfer;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * All rows of a condition as literals.
 *
 * @param bytes of the literals in UTF-8
 */
record Rows(String condition, long count, @Nullable String text, long bytes) {

  /** Tells that literals of several rows are not whole, so that fewer must be read. */
  static final class CutException extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    CutException(String what) {
      super(
          "chunk: cut off, a "
              + what
              + " (expected: all; raise max_allowed_packet of the source and the target)");
    }
  }

  static Rows of(String condition, long count, @Nullable String text) {
    return new Rows(condition, count, text, text == null ? 0 : utf8(text));
  }

  /** The server cuts a text that would be longer off at that length, or within a character. */
  Rows whole(long mostBytes) {
    if (count > 0 && (text == null || bytes > mostBytes - 4)) {
      throw new CutException(text == null ? "text of no row" : "text of " + bytes + " bytes");
    }
    return this;
  }

  String literals() {
    return Objects.requireNonNull(text);
  }

  private static long utf8(String text) {
    long bytes = text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        // Each half of a pair has two bytes.
        bytes += c < 0x800 || Character.isSurrogate(c) ? 1 : 2;
      }
    }
    return bytes;
  }
}
