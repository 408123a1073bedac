package io.shardflux.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.groups.Tuple.tuple;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * No regular expression of the main sources can be made to run for long, or to overflow a stack, by
 * a text from outside: it reads each character a few times, whatever the text.
 */
class SourcePatternsTests {

  private static final int LENGTH = 50_000;
  private static final int STACK = 256 * 1_024;
  private static final int BOUND_SECONDS = 60;

  /** The number of times that each character of a text may be read. */
  private static final int MOST_READS = 60;

  static List<SourcePatterns.Found> patterns() {
    return SourcePatterns.all();
  }

  @Test
  void theyAreFound() {
    assertThat(patterns()).extracting(SourcePatterns.Found::text).contains("-?[0-9]{1,20}", " ");
    assertThat(
            SourcePatterns.in(
                Path.of("A.java"),
                """
                P = Pattern.compile(
                    "a\\\\d" + "b", Pattern.DOTALL); text.split(","); x.matches();
                """))
        .extracting(SourcePatterns.Found::text, SourcePatterns.Found::flags)
        .containsExactly(tuple("a\\db", Pattern.DOTALL), tuple(",", 0));
    assertThatExceptionOfType(AssertionError.class)
        .isThrownBy(() -> SourcePatterns.in(Path.of("A.java"), "text.replaceAll(given, \"\");"))
        .withMessageStartingWith("A.java: text.replaceAll(give");
  }

  @ParameterizedTest
  @MethodSource("patterns")
  void noneRepeatsWhatRepeats(SourcePatterns.Found found) {
    assertThat(repeatsGroups(found.text())).as("%s", found).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"(a+)*", "(?:a|b)+c", "x(a?b){2,}", "((a{1,3}))*", "(?:\\((\\d)+\\))?"})
  void whatRepeatsWhatRepeatsIsSeen(String pattern) {
    assertThat(repeatsGroups(pattern)).isTrue();
  }

  /** Tells whether a group is repeated that has a repetition, an option or a choice inside. */
  private static boolean repeatsGroups(String pattern) {
    Deque<Boolean> open = new ArrayDeque<>();
    open.push(false);
    boolean inClass = false;
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      if (c == '\\') {
        i++;
      } else if (inClass || c == '[') {
        inClass = c != ']';
      } else if (c == '(') {
        open.push(false);
        i += pattern.startsWith("?", i + 1) ? 1 : 0;
      } else if (c == ')') {
        boolean several = open.pop();
        if (several && i + 1 < pattern.length() && "*+?{".indexOf(pattern.charAt(i + 1)) >= 0) {
          return true;
        }
        open.push(open.pop() || several);
      } else if ("*+?{|".indexOf(c) >= 0) {
        open.pop();
        open.push(true);
      }
    }
    return false;
  }

  /** Without those that are no more than a word or a sign. */
  static Stream<SourcePatterns.Found> expressions() {
    return patterns().stream().filter(found -> !found.text().matches("[\\w ,;:]+"));
  }

  @ParameterizedTest
  @MethodSource("expressions")
  void noTextHasOneReadForLong(SourcePatterns.Found found) throws Exception {
    onSmallStack(
        () -> {
          for (String text : texts(found.text())) {
            run(found, text);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(.+?): (.*) \\(expected: (.*)\\)",
        "(a+)+b",
        "(?:a|b)*",
        ".*,.*;",
        "key=([^)]|\\))*x"
      })
  void whatWouldReadForLongIsSeen(String pattern) {
    SourcePatterns.Found found = new SourcePatterns.Found(Path.of("A"), pattern, 0, true);
    assertThatThrownBy(() -> noTextHasOneReadForLong(found)).isInstanceOf(Exception.class);
  }

  private static void onSmallStack(Runnable work) throws Exception {
    FutureTask<Boolean> task = new FutureTask<>(work, true);
    Thread thread = new Thread(null, task, "small-stack", STACK);
    thread.setDaemon(true);
    thread.start();
    assertThat(task.get(BOUND_SECONDS, TimeUnit.SECONDS)).isTrue();
  }

  private static void run(SourcePatterns.Found found, String text) {
    found.pattern().matcher(new Counted(text, found)).matches();
    if (found.searched()) {
      Matcher matcher = found.pattern().matcher(new Counted(text, found));
      while (matcher.find()) {
        assertThat(matcher.end()).isLessThanOrEqualTo(text.length());
      }
    }
  }

  /**
   * Each part of the pattern's text, and all of them, over and over, with ends that don't match.
   */
  private static List<String> texts(String pattern) {
    List<String> parts = new ArrayList<>(parts(pattern));
    String all = String.join("", parts);
    Set<String> units = new LinkedHashSet<>(parts);
    units.add(all);
    for (int i = 1; i < parts.size(); i++) {
      units.add(parts.get(i - 1) + parts.get(i));
    }
    List<String> texts = new ArrayList<>();
    for (String unit : units) {
      String repeated = unit.repeat(LENGTH / unit.length() + 1).substring(0, LENGTH);
      texts.add(repeated + "\uffff");
      texts.add(all + repeated + "\n" + all);
    }
    return texts;
  }

  /** Words and signs that stand in it, and one of each kind of character. */
  private static Set<String> parts(String pattern) {
    Set<String> parts = new LinkedHashSet<>(List.of("a", "A", "0", "_", " ", "é"));
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      boolean escaped = c == '\\' && i + 1 < pattern.length();
      char next = escaped ? pattern.charAt(++i) : c;
      boolean sign = escaped ? !Character.isLetter(next) : "()[]{}*+?|^$".indexOf(c) < 0;
      if (sign) {
        word.append(next);
        parts.add(String.valueOf(next));
      } else if (!word.isEmpty()) {
        parts.add(word.toString());
        word.setLength(0);
      }
    }
    if (!word.isEmpty()) {
      parts.add(word.toString());
    }
    return parts;
  }

  /** A text that can be read so often and no more. */
  private static final class Counted implements CharSequence {

    private final String text;
    private final SourcePatterns.Found reader;
    private long left;

    Counted(String text, SourcePatterns.Found reader) {
      this.text = text;
      this.reader = reader;
      this.left = (long) MOST_READS * text.length();
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public char charAt(int index) {
      if (left-- == 0) {
        throw new IllegalStateException(
            reader + ": reads each character of a text " + MOST_READS + " times and more");
      }
      return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
