package io.shardflux.api.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.api.failure.Refusal;
import io.shardflux.r2dbc.settings.Timeouts;
import java.time.Duration;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.util.MultiValueMap;
import org.springframework.web.util.UriComponentsBuilder;

final class ReadRequestTests {

  @Test
  void asksForAllByDefault() {
    ReadRequest request = of("");
    assertThat(request.ids()).isEmpty();
    assertThat(request.ordered()).isFalse();
    assertThat(request.timeouts()).isEqualTo(Timeouts.defaults().withTotal(Duration.ofMinutes(10)));
  }

  @ParameterizedTest
  @CsvSource({"1ms,1", "500ms,500", "2s,2000", "600s,600000", "600000ms,600000"})
  void takesATimeout(String text, long millis) {
    assertThat(of("timeout=" + text).timeouts()).isEqualTo(Timeouts.of(Duration.ofMillis(millis)));
  }

  @Test
  void takesIdsEachOnce() {
    assertThat(of("ids=3,1,3,9223372036854775807").ids())
        .containsExactlyInAnyOrder(1L, 3L, Long.MAX_VALUE);
    assertThat(of("order=id").ordered()).isTrue();
  }

  @Test
  void takesAThousandIdsAndNoMore() {
    assertThat(of("ids=" + ids(1_000)).ids()).hasSize(1_000);
    assertThatThrownBy(() -> of("ids=" + ids(1_001)))
        .isInstanceOf(Refusal.class)
        .hasMessage("ids: more than 1000 (expected: 1 to 1000)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "timeout=",
        "timeout",
        "timeout=0ms",
        "timeout=601s",
        "timeout=5",
        "timeout=5m",
        "timeout=-1s",
        "timeout=1.5s",
        "timeout=9999999999s",
        "order=name",
        "order=",
        "ids=",
        "ids=1,,2",
        "ids=0",
        "ids=-1",
        "ids=x",
        "ids=9223372036854775808",
        "ids=1&ids=2",
        "order=id&order=id",
        "limit=5"
      })
  void refusesTheRestByName(String query) {
    String name = query.split("=", 2)[0];
    assertThatThrownBy(() -> of(query))
        .isInstanceOf(Refusal.class)
        .hasMessageContaining(name)
        .hasMessageContaining("(expected: ");
  }

  private static ReadRequest of(String query) {
    MultiValueMap<String, String> parameters =
        UriComponentsBuilder.fromUriString("/users?" + query).build().getQueryParams();
    return ReadRequest.of(parameters);
  }

  private static String ids(int count) {
    return LongStream.rangeClosed(1, count)
        .mapToObj(Long::toString)
        .collect(Collectors.joining(","));
  }
}
