package io.shardflux.architecture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The regular expressions that stand in the main sources of all modules. */
final class SourcePatterns {

  private static final Pattern CALL =
      Pattern.compile(
          "(?:Pattern\\s*\\.\\s*(?:compile|matches)|\\.\\s*(?:matches|split|splitWithDelimiters"
              + "|replaceAll|replaceFirst|splitAsStream))\\s*\\(\\s*");

  private static final List<String> SEARCHES =
      List.of(".find()", ".lookingAt(", ".results(", ".replaceAll(", ".replaceFirst(");

  /** Calls of other methods that are named so. */
  private static final List<String> OTHERS = List.of("LineSplitter.split(body");

  /**
   * One.
   *
   * @param place the file
   * @param text the expression
   * @param flags of {@link Pattern#compile(String, int)}
   * @param searched whether its file looks for it within texts, rather than at whole ones
   */
  record Found(Path place, String text, int flags, boolean searched) {

    Pattern pattern() {
      return Pattern.compile(text, flags);
    }
  }

  private SourcePatterns() {}

  static List<Found> all() {
    try (Stream<Path> modules = Files.list(Path.of(".."))) {
      return modules
          .map(module -> module.resolve("src/main/java"))
          .filter(Files::isDirectory)
          .flatMap(SourcePatterns::sources)
          .flatMap(source -> in(source).stream())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<Path> sources(Path module) {
    try (Stream<Path> files = Files.walk(module)) {
      return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Found> in(Path source) {
    try {
      return in(source, Files.readString(source));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<Found> in(Path source, String java) {
    boolean anySearched = SEARCHES.stream().anyMatch(java::contains);
    List<Found> found = new ArrayList<>();
    for (MatchResult call : CALL.matcher(java).results().toList()) {
      StringBuilder text = new StringBuilder();
      int end = literal(java, call.end(), text);
      if (end > call.end()) {
        boolean compiled = call.group().contains("compile");
        boolean searched = compiled ? anySearched : !call.group().contains("matches");
        found.add(new Found(source, text.toString(), compiled ? flags(java, end) : 0, searched));
      } else if (java.charAt(end) != ')' && OTHERS.stream().noneMatch(call(java, call)::endsWith)) {
        throw new AssertionError(
            source + ": " + call(java, call) + " (expected: an expression in the text)");
      }
    }
    return found;
  }

  private static String call(String java, MatchResult call) {
    return java.substring(Math.max(0, call.start() - 20), Math.min(java.length(), call.end() + 4));
  }

  /** Behind the string there, with what is added to it; the start if there is none. */
  private static int literal(String java, int start, StringBuilder text) {
    int at = start;
    int end = start;
    while (java.charAt(at) == '"') {
      int close = at + 1;
      while (java.charAt(close) != '"') {
        close += java.charAt(close) == '\\' ? 2 : 1;
      }
      text.append(java.substring(at + 1, close).translateEscapes());
      end = close + 1;
      at = afterSpace(java, end);
      at = java.charAt(at) == '+' ? afterSpace(java, at + 1) : end;
    }
    return end;
  }

  private static int afterSpace(String java, int start) {
    int at = start;
    while (Character.isWhitespace(java.charAt(at))) {
      at++;
    }
    return at;
  }

  private static int flags(String java, int at) {
    String arguments = java.substring(at, java.indexOf(";", at));
    return (arguments.contains("DOTALL") ? Pattern.DOTALL : 0)
        | (arguments.contains("CASE_INSENSITIVE") ? Pattern.CASE_INSENSITIVE : 0);
  }
}
