package io.shardflux.sql.schema;

import java.util.Locale;
import java.util.Set;

/**
 * The collations that order and tell apart by {@code WEIGHT_STRING} as by themselves. They are
 * listed by families, and a test has compared all members of each on MySQL 9.7 and MariaDB 11.4.
 * Rows are not merged by any other collation.
 */
final class Collations {

  private static final Set<String> UNICODE =
      Set.of("utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf16le", "utf32");

  /**
   * Character sets of one byte, and those of several bytes that their servers compare by the shown
   * weights.
   */
  private static final Set<String> OTHERS =
      Set.of(
          ("armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 cp932 dec8 eucjpms gb2312"
                  + " gbk geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 macce"
                  + " macroman sjis swe7 ujis")
              .split(" "));

  /** Whose letters weigh otherwise than they compare, or are sorted in yet another way. */
  private static final Set<String> BINARY_ALONE =
      Set.of("big5", "euckr", "gb18030", "latin7", "tis620");

  private Collations() {}

  /** Tells whether texts are in the order of their weights, and equal where those are equal. */
  static boolean merges(String collation) {
    String name = collation.toLowerCase(Locale.ROOT);
    String charset = name.split("_", 2)[0];
    boolean unpadded = name.contains("_nopad_");
    if (name.contains("uca1400")) {
      // Others have several levels, which padding, letters without weight and contractions mix up.
      return name.endsWith("_ai_ci");
    }
    if (UNICODE.contains(charset)) {
      return unpadded
          ? name.endsWith("_unicode_nopad_ci") || name.endsWith("_unicode_520_nopad_ci")
          : name.matches("\\w+_(bin|ci)|utf8mb4_\\w*0900_(as_cs|as_cs_ks)");
    }
    if (unpadded) {
      // A server sorts a text and the same with a zero behind it as one.
      return false;
    }
    return name.equals("binary")
        || (OTHERS.contains(charset) && name.matches("\\w+_(bin|ci|cs)") && !isCzech(name))
        || (BINARY_ALONE.contains(charset)
            && (name.endsWith("_bin") || name.endsWith("_unicode_520_ci")));
  }

  private static boolean isCzech(String name) {
    return name.endsWith("_czech_cs");
  }
}
