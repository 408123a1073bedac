package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.shardflux.api.failure.Refusal;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.http.HttpStatus;
import org.springframework.mock.env.MockEnvironment;
import org.springframework.mock.http.server.reactive.MockServerHttpRequest;

/** Who may change where rows lie. */
class OperatorsTests {

  private static final String TOKEN = "a-token-of-24-characters";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        // listens on | comes from  | header                                             | may
        "127.0.0.1    | 127.0.0.1   | -                                                  | true",
        "127.0.0.1    | 127.0.0.2   | -                                                  | true",
        "::1          | ::1         | -                                                  | true",
        "localhost    | 127.0.0.1   | -                                                  | true",
        "-            | 127.0.0.1   | -                                                  | false",
        "0.0.0.0      | 127.0.0.1   | -                                                  | false",
        "192.0.2.1    | 127.0.0.1   | -                                                  | false",
        "127.0.0.1    | 192.0.2.7   | -                                                  | false",
        "127.0.0.1    | 127.0.0.1   | Origin: http://127.0.0.1                           | false",
        "127.0.0.1    | 127.0.0.1   | X-Forwarded-For: 127.0.0.1                         | false",
        "127.0.0.1    | 127.0.0.1   | Forwarded: for=127.0.0.1                           | false",
        "127.0.0.1    | 127.0.0.1   | Authorization: Bearer another-token-of-the-size    | true",
        "-            | 192.0.2.7   | Authorization: Bearer a-token-of-24-characters      | true",
        "-            | 192.0.2.7   | Authorization: bearer a-token-of-24-characters      | true",
        "-            | 192.0.2.7   | Authorization: Basic a-token-of-24-characters       | false",
        "-            | 192.0.2.7   | Authorization: a-token-of-24-characters             | false",
        "-            | 192.0.2.7   | Authorization: Bearer a-token-of-24-character       | false",
        "-            | 192.0.2.7   | Authorization: Bearer a-token-of-24-charactersX     | false",
        "-            | 192.0.2.7   | Authorization: Bearer A-token-of-24-characters      | false",
        "-            | 192.0.2.7   | Authorization: Bearer                               | false",
      })
  void letsOperatorsPass(
      @Nullable String listens, String from, @Nullable String header, boolean may) {
    Operators operators = operators(listens, TOKEN);
    MockServerHttpRequest.BaseBuilder<?> request =
        MockServerHttpRequest.get("/moves").remoteAddress(new InetSocketAddress(from, 4711));
    if (header != null) {
      String[] parts = header.split(": ?", 2);
      request.header(parts[0], parts[1]);
    }
    Throwable refused = catchThrowable(() -> operators.check(request.build()));
    if (may) {
      assertThat(refused).isNull();
    } else {
      assertThat(refused)
          .isInstanceOfSatisfying(
              Refusal.class,
              refusal -> {
                assertThat(refusal.failure().status()).isEqualTo(HttpStatus.FORBIDDEN);
                assertThat(refusal.failure().message()).doesNotContain(TOKEN);
              });
    }
  }

  @Test
  void noTokenIsNotAnEmptyOne() {
    Operators operators = operators(null, null);
    for (String given : new String[] {"Bearer ", "Bearer null", "Bearer"}) {
      assertThat(
              catchThrowable(
                  () ->
                      operators.check(
                          MockServerHttpRequest.get("/moves")
                              .header("Authorization", given)
                              .remoteAddress(new InetSocketAddress("192.0.2.7", 1))
                              .build())))
          .isInstanceOf(Refusal.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "fifteen-letters"})
  void refusesAShortTokenWithoutShowingIt(String token) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> operators(null, token))
        .withMessage("shardflux.api.operator-token: too short (expected: at least 16 characters)");
  }

  private static Operators operators(@Nullable String listens, @Nullable String token) {
    MockEnvironment environment = new MockEnvironment();
    if (listens != null) {
      environment.setProperty("server.address", listens);
    }
    if (token != null) {
      environment.setProperty("shardflux.api.operator-token", token);
    }
    return new Operators(environment);
  }
}
