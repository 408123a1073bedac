package io.shardflux.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The contract of records of settings: many components have a builder, which does its part. */
public final class OptionsContract {

  private static final int MOST_WITHOUT_BUILDER = 4;

  private OptionsContract() {}

  /** The records of settings that users make and that are too many components for a constructor. */
  public static List<Class<?>> recordsWithBuilders(JavaClasses classes) {
    List<Class<?>> records =
        classes.stream()
            .filter(each -> each.isRecord() && !InternalTypes.INSIDE.test(each))
            .<Class<?>>map(each -> each.reflect())
            .filter(type -> hasStatic(type, "defaults") || hasStatic(type, "builder"))
            .filter(type -> type.getRecordComponents().length > MOST_WITHOUT_BUILDER)
            .toList();
    assertThat(records).isNotEmpty().allMatch(type -> hasStatic(type, "builder"));
    return records;
  }

  /**
   * A builder's defaults are the documented ones, each setter reaches its own component and no
   * other, and each number and time has a bound that is checked when the record is built.
   */
  public static void check(Record defaults) {
    Class<?> type = defaults.getClass();
    assertThat(build(builder(type))).isEqualTo(defaults);
    for (RecordComponent component : type.getRecordComponents()) {
      Object value = get(component, defaults);
      Object other = other(component, value);
      Object builder = builder(type);
      assertThat(set(builder, component, other)).isSameAs(builder);
      Object built = build(builder);
      for (RecordComponent each : type.getRecordComponents()) {
        Object expected = each.getName().equals(component.getName()) ? other : get(each, defaults);
        assertThat(get(each, built)).as("%s, after %s", each, component).isEqualTo(expected);
      }
      assertThat(type.getMethods())
          .as("one way to set %s", component)
          .noneMatch(method -> method.getName().equalsIgnoreCase("with" + component.getName()));
      if (value != null) {
        checkBound(component);
      }
    }
  }

  private static void checkBound(RecordComponent component) {
    Object builder = builder(component.getDeclaringRecord());
    Class<?> type = component.getType();
    set(builder, component, type == Duration.class ? Duration.ofNanos(-1) : number(type, -1));
    String name = component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    assertThatThrownBy(() -> build(builder))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .matches(Pattern.compile("([a-z]+\\.)?" + name + ": .+ \\(expected: .+\\)"));
  }

  private static Object other(RecordComponent component, @Nullable Object value) {
    Class<?> type = component.getType();
    if (value instanceof Number number) {
      return number(type, number.longValue() + 1);
    }
    if (value instanceof Duration time) {
      return time.plusMillis(1);
    }
    return List.of(true, "x", 1, Duration.ofSeconds(1), ShardId.of("x"), ShardKey.of(1)).stream()
        .filter(type::isInstance)
        .findFirst()
        .orElseThrow(() -> new AssertionError("no other value of " + component));
  }

  private static Object number(Class<?> type, long value) {
    return type == long.class ? (Object) value : (Object) Math.toIntExact(value);
  }

  private static boolean hasStatic(Class<?> type, String name) {
    return Arrays.stream(type.getMethods())
        .anyMatch(
            method ->
                method.getName().equals(name)
                    && method.getParameterCount() == 0
                    && Modifier.isStatic(method.getModifiers()));
  }

  private static Object builder(Class<?> type) {
    return Objects.requireNonNull(call(method(type, "builder", 0), null));
  }

  private static Object build(Object builder) {
    return Objects.requireNonNull(call(method(builder.getClass(), "build", 0), builder));
  }

  private static @Nullable Object set(Object builder, RecordComponent component, Object value) {
    return call(method(builder.getClass(), component.getName(), 1), builder, value);
  }

  private static @Nullable Object get(RecordComponent component, Object of) {
    return call(component.getAccessor(), of);
  }

  private static Method method(Class<?> type, String name, int parameters) {
    return Arrays.stream(type.getMethods())
        .filter(each -> each.getName().equals(name) && each.getParameterCount() == parameters)
        .findFirst()
        .orElseThrow(() -> new AssertionError(type + " has no " + name));
  }

  private static @Nullable Object call(Method method, @Nullable Object on, Object... arguments) {
    try {
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException error) {
        throw error;
      }
      throw new AssertionError(e);
    } catch (IllegalAccessException e) {
      throw new AssertionError(e);
    }
  }
}
