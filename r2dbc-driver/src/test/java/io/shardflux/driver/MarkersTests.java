package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Collections;
import java.util.NoSuchElementException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A text is read for its markers only as far as needed, because the caller's thread does it. */
class MarkersTests {

  private static final int MANY = 50_000;

  private static String times(String part) {
    return String.join(", ", Collections.nCopies(MANY, part));
  }

  static Stream<String> longTexts() {
    return Stream.of(
        "SELECT * FROM users WHERE id IN (" + times("?") + ")",
        "SELECT * FROM users WHERE id IN (" + times(":id") + ") AND name = :name",
        "INSERT INTO users (id, name) VALUES " + times("(?, 'it''s ?')"),
        "INSERT INTO users (at) VALUES " + times("('12:30:00')") + ", (?)",
        "SELECT 1 /* " + times("?") + " */ FROM users WHERE id = ?");
  }

  @ParameterizedTest
  @MethodSource("longTexts")
  void aTextIsNotReadBeforeItsMarkersAreAskedFor(String sql) {
    assertThat(Markers.of(sql, null).read()).isZero();
    Markers none = Markers.of(sql, null);
    none.exceed(0);
    assertThat(none.read()).isBetween(1, sql.length() - 1);
  }

  @Test
  void aTextIsReadAsFarAsItsMarkersAreAskedForAndOnce() {
    String sql = "SELECT * FROM users WHERE id IN (" + times("?") + ")";
    Markers markers = Markers.of(sql, null);
    int first = sql.indexOf('?') + 1;
    for (int i = 0; i < MANY; i++) {
      assertThat(markers.index(i)).isEqualTo(i);
      assertThat(markers.read()).isEqualTo(first + "?, ".length() * i);
    }
    assertThat(markers.index(0)).isZero();
    assertThat(markers.exceed(MANY)).isFalse();
    assertThat(markers.read()).isEqualTo(sql.length());
  }

  @Test
  void aShortLookFindsAMissingValueThatIsNear() {
    String near = "SELECT ?, " + times("1");
    assertThat(Markers.of(near, null).exceed(0)).isTrue();
    String far = "SELECT " + times("1") + ", ?";
    Markers markers = Markers.of(far, null);
    assertThat(markers.exceed(0)).isFalse();
    assertThat(markers.read()).isEqualTo(Markers.SHORT_LOOK);
    assertThat(markers.index(0)).isZero();
  }

  @ParameterizedTest
  @MethodSource("longTexts")
  void whatIsNoMarkerIsToldAtOnce(String sql) {
    Markers markers = Markers.of(sql, null);
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> markers.index(-1))
        .withMessageStartingWith("bind: -1 (expected: below ");
    assertThat(markers.read()).isZero();
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> markers.index(MANY));
    assertThatExceptionOfType(NoSuchElementException.class)
        .isThrownBy(() -> markers.index("other"))
        .withMessageStartingWith("bind: other (expected: one of [");
  }
}
