package io.shardflux.servers;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The user's settings: a system property, otherwise the environment variable of the same name. */
final class Settings {

  private Settings() {}

  /** The value of {@code a.b} or of {@code A_B}; null if neither is set or the value is blank. */
  static @Nullable String get(String property) {
    String value = System.getProperty(property);
    if (value == null) {
      value = System.getenv(property.toUpperCase(Locale.ROOT).replace('.', '_'));
    }
    return value == null || value.isBlank() ? null : value;
  }
}
