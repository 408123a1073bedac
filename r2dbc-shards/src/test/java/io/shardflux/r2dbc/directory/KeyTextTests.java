package io.shardflux.r2dbc.directory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.ShardKey;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class KeyTextTests {

  static List<ShardKey> keys() {
    UUID uuid = UUID.fromString("123E4567-e89b-12d3-a456-426614174000");
    return List.of(
        ShardKey.of(0),
        ShardKey.of(Long.MIN_VALUE),
        ShardKey.of(new BigInteger("18446744073709551615")),
        ShardKey.of(""),
        ShardKey.of("a,b\\c"),
        ShardKey.of("Ünï-\u0000 \uD83D\uDE00 "),
        ShardKey.of(uuid),
        ShardKey.of(new byte[0]),
        ShardKey.of(new byte[] {0, -1, ','}, "a,"),
        ShardKey.of(LocalDate.of(1000, 1, 1)),
        ShardKey.of(LocalDateTime.of(2026, 1, 31, 12, 0)),
        ShardKey.of(LocalDateTime.of(9999, 12, 31, 23, 59, 59, 999_999_000)),
        ShardKey.of(Instant.parse("2026-01-31T12:00:00.000001Z")),
        ShardKey.of("acme", 42),
        ShardKey.of("a,b", "\\,", "c\\"),
        ShardKey.of(1, "x", uuid, LocalDate.of(2026, 1, 31), Instant.EPOCH));
  }

  @ParameterizedTest
  @MethodSource("keys")
  void givesTheKeyBack(ShardKey key) {
    assertThat(KeyText.of(key).key()).isEqualTo(key);
  }

  @Test
  void isReadable() {
    assertThat(KeyText.of(ShardKey.of("a,b"))).isEqualTo(new KeyText("text", "a,b"));
    assertThat(KeyText.of(ShardKey.of("a,b", 42)))
        .isEqualTo(new KeyText("text,integer", "a\\,b,42"));
  }

  @Test
  void differsWhereKeysDo() {
    List<ShardKey> alike =
        List.of(
            ShardKey.of(1),
            ShardKey.of("1"),
            ShardKey.of("1,2"),
            ShardKey.of(1, 2),
            ShardKey.of("1", "2"),
            ShardKey.of("1", 2),
            ShardKey.of("1,2", "3"),
            ShardKey.of("1", "2,3"),
            ShardKey.of("1\\", "2,3"),
            ShardKey.of("1\\,2", "3"),
            ShardKey.of("2026-01-31"),
            ShardKey.of(LocalDate.of(2026, 1, 31)));
    assertThat(Stream.concat(alike.stream(), keys().stream()).map(KeyText::of))
        .doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "integer|007",
        "integer|x",
        "integer|18446744073709551616",
        "integer,text|1",
        "integer|1,2",
        "text,text|a,b,c",
        "text,text|a,b\\",
        "text,text|a,",
        "uuid|123E4567-E89B-12D3-A456-426614174000",
        "datetime|2026-01-31 12:00:00",
        "date|2026-02-31",
        "number|1",
        "INTEGER|1",
      })
  void refusesWhatNoKeyIsWrittenAs(String types, String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new KeyText(types, text).key())
        .withMessage(
            "key: " + text + ", " + types + " (expected: canonical texts of parts of these types)");
  }
}
