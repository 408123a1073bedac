package io.shardflux.driver.catalog;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a server can do, by the version that it tells. */
final class ServerVersion {

  private static final Pattern NUMBER = Pattern.compile("([0-9]{1,4})\\.([0-9]{1,4})");

  private ServerVersion() {}

  /** Tells whether it certainly has {@code JSON_TABLE}: MySQL from 8.0, MariaDB from 10.6. */
  static boolean readsJson(String version) {
    Matcher number = NUMBER.matcher(version);
    String name = version.toLowerCase(Locale.ROOT);
    if (!number.find() || name.contains("tidb")) {
      return false;
    }
    int major = Integer.parseInt(number.group(1));
    int minor = Integer.parseInt(number.group(2));
    return name.contains("mariadb") ? major > 10 || (major == 10 && minor >= 6) : major >= 8;
  }
}
