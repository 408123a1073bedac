package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.List;

/**
 * SQL made of pieces of the text and of words between them.
 *
 * @param pieces {@code String}s and {@code Span}s
 */
@Internal
public record Fragment(List<Object> pieces) {

  public static Fragment of(Object... pieces) {
    List<Object> flat = new ArrayList<>();
    for (Object piece : pieces) {
      if (piece instanceof Fragment fragment) {
        flat.addAll(fragment.pieces());
      } else {
        flat.add(piece);
      }
    }
    return new Fragment(flat);
  }

  public static Fragment joined(List<Fragment> fragments, String separator) {
    List<Object> pieces = new ArrayList<>();
    for (Fragment fragment : fragments) {
      if (!pieces.isEmpty()) {
        pieces.add(separator);
      }
      pieces.addAll(fragment.pieces());
    }
    return new Fragment(pieces);
  }

  /** A quoted name. */
  public static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  /** The alias by which an item keeps its text as its name; names lack characters beyond U+FFFF. */
  public static String named(String text) {
    StringBuilder name = new StringBuilder(text.length());
    text.codePoints()
        .map(each -> Character.isBmpCodePoint(each) ? each : '?')
        .forEach(name::appendCodePoint);
    return " AS " + quoted(name.toString());
  }

  /** The text of it, markers and all. */
  public String in(String text) {
    StringBuilder built = new StringBuilder();
    for (Object piece : pieces) {
      built.append(piece instanceof Span span ? span.of(text) : piece.toString());
    }
    return built.toString();
  }
}
