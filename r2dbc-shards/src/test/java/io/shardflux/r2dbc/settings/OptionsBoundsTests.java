package io.shardflux.r2dbc.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each number and time of each record of options is held to the bounds that its javadoc states. */
class OptionsBoundsTests {

  private static final Path SOURCES = Path.of("src", "main", "java");
  private static final Set<Class<?>> BOUNDED = Set.of(int.class, long.class, Duration.class);
  private static final String BOUND = "(\\d[\\d,]*(?: ms| s| days)?|\\{@code \\w+\\})";
  private static final Pattern FROM =
      Pattern.compile("\\bfrom " + BOUND + "(?: to " + BOUND + ")?");
  private static final Map<String, Duration> UNITS =
      Map.of("ms", Duration.ofMillis(1), "s", Duration.ofSeconds(1), "days", Duration.ofDays(1));

  static List<Arguments> components() throws IOException, ReflectiveOperationException {
    List<Arguments> all = new ArrayList<>();
    for (Path source : sources()) {
      String text = Files.readString(source);
      if (text.contains("\npublic record ") && text.contains(" defaults() {")) {
        Class<?> type = Class.forName(className(source));
        for (RecordComponent component : type.getRecordComponents()) {
          if (BOUNDED.contains(component.getType())) {
            all.add(arguments(component, documented(text, component)));
          }
        }
      }
    }
    return all;
  }

  @Test
  void allOptionsAreHere() throws Exception {
    assertThat(components().stream().map(each -> (RecordComponent) each.get()[0]))
        .extracting(component -> component.getDeclaringRecord().getSimpleName())
        .contains("BreakerOptions", "CoalescingOptions", "PoolOptions", "ReadOptions")
        .contains("RouterOptions", "RowCountOptions", "Timeouts");
  }

  @ParameterizedTest
  @MethodSource("components")
  void areRefusedBeyondTheirBounds(RecordComponent component, String documented) throws Exception {
    Matcher from = FROM.matcher(documented);
    assertThat(from.find()).as("bounds of %s in: %s", component, documented).isTrue();
    Object min = bound(component, Objects.requireNonNull(from.group(1)));
    for (Object below : List.of(next(min, -1), least(component))) {
      assertThat(refusal(component, below)).matches(refused(component, below));
    }
    String most = from.group(2);
    Object max = most == null ? null : bound(component, most);
    if (max != null) {
      for (Object above : List.of(next(max, 1), most(component))) {
        assertThat(refusal(component, above)).matches(refused(component, above));
      }
    }
    for (Object inside : List.of(min, max == null ? most(component) : max)) {
      // Another component may depend on this one.
      assertThat(refusal(component, inside)).doesNotMatch(refused(component, inside));
    }
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      return files.filter(file -> file.toString().endsWith(".java")).sorted().toList();
    }
  }

  private static String className(Path source) {
    String path = SOURCES.relativize(source).toString();
    return path.substring(0, path.length() - ".java".length()).replaceAll("[/\\\\]", ".");
  }

  /** The {@code @param} of a component in its record's javadoc. */
  private static String documented(String text, RecordComponent component) {
    String javadoc =
        text.substring(0, text.indexOf("\npublic record ")).replaceAll("\n \\* *", " ");
    return javadoc.replaceAll("(?s).* @param " + component.getName() + " | @param .*| \\*/.*", "");
  }

  private static Object bound(RecordComponent component, String text) throws Exception {
    if (text.startsWith("{")) {
      String other = text.substring("{@code ".length(), text.length() - 1);
      Class<?> type = component.getDeclaringRecord();
      return Objects.requireNonNull(type.getMethod(other).invoke(defaults(type)));
    }
    String[] parts = text.split(" ", 2);
    long number = Long.parseLong(parts[0].replace(",", ""));
    return component.getType() == Duration.class
        ? Objects.requireNonNull(UNITS.get(parts[1])).multipliedBy(number)
        : number(component, number);
  }

  private static Object next(Object bound, int step) {
    return bound instanceof Duration time
        ? time.plusNanos(step)
        : bound instanceof Integer number
            ? (Object) (number + step)
            : (Object) ((long) bound + step);
  }

  private static Object least(RecordComponent component) {
    return component.getType() == Duration.class
        ? Duration.ofSeconds(Long.MIN_VALUE)
        : number(component, Integer.MIN_VALUE);
  }

  private static Object most(RecordComponent component) {
    return component.getType() == Duration.class
        ? Duration.ofSeconds(Long.MAX_VALUE)
        : number(component, Integer.MAX_VALUE);
  }

  private static Object number(RecordComponent component, long value) {
    return component.getType() == int.class ? (Object) Math.toIntExact(value) : (Object) value;
  }

  private static String refused(RecordComponent component, Object value) {
    String name = component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    return "([a-z-]+\\.)?" + name + ": " + Pattern.quote(value.toString()) + " \\(expected: .+\\)";
  }

  /** The message that refuses the defaults with this value in place of one; empty if none does. */
  private static String refusal(RecordComponent component, Object value) throws Exception {
    Class<?> type = component.getDeclaringRecord();
    List<@Nullable Object> values = new ArrayList<>();
    for (RecordComponent each : type.getRecordComponents()) {
      boolean set = each.getName().equals(component.getName());
      values.add(set ? value : each.getAccessor().invoke(defaults(type)));
    }
    Class<?>[] types =
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      type.getDeclaredConstructor(types).newInstance(values.toArray());
      return "";
    } catch (InvocationTargetException e) {
      assertThat(e.getCause()).isInstanceOf(IllegalArgumentException.class);
      return String.valueOf(e.getCause().getMessage());
    }
  }

  private static Object defaults(Class<?> type) throws ReflectiveOperationException {
    return Objects.requireNonNull(type.getMethod("defaults").invoke(null));
  }
}
