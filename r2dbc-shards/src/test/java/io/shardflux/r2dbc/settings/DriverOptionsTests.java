package io.shardflux.r2dbc.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

import io.asyncer.r2dbc.mysql.MySqlConnectionFactoryProvider;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DriverOptionsTests {

  @Test
  void areThoseOfTheDriver() throws IllegalAccessException {
    List<String> names =
        new ArrayList<>(
            List.of(
                ConnectionFactoryOptions.CONNECT_TIMEOUT.name(),
                ConnectionFactoryOptions.LOCK_WAIT_TIMEOUT.name(),
                ConnectionFactoryOptions.SSL.name(),
                ConnectionFactoryOptions.STATEMENT_TIMEOUT.name()));
    for (Field field : MySqlConnectionFactoryProvider.class.getFields()) {
      if (field.get(null) instanceof Option<?> option) {
        names.add(option.name());
      }
    }
    List<String> known = new ArrayList<>(DriverOptions.OF_URLS);
    known.addAll(DriverOptions.OF_CODE);
    assertThat(known).containsExactlyInAnyOrderElementsOf(names);
  }

  static List<String> options() {
    return DriverOptions.OF_URLS;
  }

  @ParameterizedTest
  @MethodSource("options")
  void eachIsTakenAndOneLikeItIsNot(String name) {
    assertThatNoException().isThrownBy(() -> check(name));
    for (String other : List.of(name + "s", name.substring(1), name.toUpperCase(Locale.ROOT))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> check(other))
          .withMessageStartingWith(other + ": unknown (expected: one of ssl, sslMode, ");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a=1&b@c=2", "a=x@h/d", "a=", "%20=1", "sslKeyPassword=x&b=1"})
  void nothingIsNamedThatMayBeAPieceOfAPassword(String query) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DriverOptions.refuseUnknown(parsed(query)))
        .withMessageStartingWith("an option, not shown: unknown (expected: one of ssl, ");
  }

  private static void check(String name) {
    DriverOptions.refuseUnknown(parsed(name + "=1"));
  }

  private static ConnectionFactoryOptions parsed(String query) {
    return ConnectionFactoryOptions.parse("r2dbc:mysql://app@h/d?" + query);
  }
}
