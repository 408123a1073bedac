package io.shardflux.driver;

import java.util.Locale;

/** Whether a read that names no key may go to several shards; a hint says otherwise for one. */
public enum ScatterReads {
  /** It may; the default. */
  ALLOWED,
  /** It may, and its text is logged as a warning of the logger {@code io.shardflux.scatter}. */
  LOGGED,
  /** It is refused. */
  REFUSED;

  /** By a URL's {@code allow-scatter}. */
  static ScatterReads of(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "true" -> ALLOWED;
      case "log" -> LOGGED;
      case "false" -> REFUSED;
      default ->
          throw new IllegalArgumentException(
              "allow-scatter: " + text + " (expected: true, log or false)");
    };
  }
}
