package io.shardflux.sql.keys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.shardflux.router.KeyType;
import io.shardflux.sql.syntax.Literals;
import io.shardflux.sql.syntax.Span;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Numbers of any length and exponent cost neither time nor memory, and miss no row. */
class LargeNumbersTests {

  private static final Duration SOON = Duration.ofSeconds(10);

  static Stream<BigDecimal> numbers() {
    return IntStream.of(0, 1, 29, 30, 31, 72, 73, 100, 101, 5_000, 1_000_000, Integer.MAX_VALUE)
        .boxed()
        .flatMap(
            scale ->
                Stream.of(
                    BigDecimal.valueOf(1, scale),
                    BigDecimal.valueOf(1, -scale),
                    BigDecimal.valueOf(-7_000, -scale),
                    new BigDecimal(BigInteger.TEN.pow(Math.min(scale, 5_000)), scale),
                    BigDecimal.valueOf(0, scale),
                    BigDecimal.valueOf(0, -scale)));
  }

  @ParameterizedTest
  @MethodSource("numbers")
  void aKeyOfAnyDecimalIsFoundOrLookedForEverywhere(BigDecimal number) {
    Assertions.assertTimeoutPreemptively(
        SOON,
        () -> {
          Object equal = KeyValue.equal(number, KeyType.INTEGER, false);
          if (equal == KeyValue.NEVER) {
            assertThat(number.signum() != 0 && !isLong(number)).isTrue();
          } else if (equal != KeyValue.UNKNOWN) {
            assertThat(number).isEqualByComparingTo(new BigDecimal(equal.toString()));
          }
        });
  }

  private static boolean isLong(BigDecimal number) {
    return Math.abs((long) number.precision() - number.scale()) < 25
        && number.stripTrailingZeros().scale() <= 0
        && number.toBigInteger().bitLength() < Long.SIZE;
  }

  /** Servers stop reading somewhere between 30 digits behind the point and 81. */
  @Test
  void moreDigitsThanServersReadMayBeNone() {
    for (int zeros = 1; zeros < 3_000; zeros++) {
      Object equal =
          KeyValue.equal(new BigDecimal("5." + "0".repeat(zeros) + "1"), KeyType.INTEGER, false);
      assertThat(equal).isSameAs(zeros < 30 ? KeyValue.NEVER : KeyValue.UNKNOWN);
    }
  }

  @Test
  void wholeNumbersAreKeysHoweverTheyAreWritten() {
    for (int zeros = 0; zeros <= 90; zeros++) {
      BigDecimal five = new BigDecimal("5." + "0".repeat(zeros));
      assertThat(KeyValue.equal(five, KeyType.INTEGER, false)).isEqualTo(5L);
    }
  }

  /** Written with an exponent it is a double, which several numbers are equal to. */
  @Test
  void aDecimalWithAnExponentIsADouble() {
    assertThat(KeyValue.equal(new BigDecimal("1E+3"), KeyType.INTEGER, false)).isEqualTo(1000L);
    assertThat(KeyValue.equal(new BigDecimal("9007199254740993E+1"), KeyType.INTEGER, false))
        .isSameAs(KeyValue.UNKNOWN);
  }

  static Stream<String> literals() {
    return Stream.of(1, 99, 100, 101, 1_000_000)
        .flatMap(
            digits ->
                Stream.of(
                    "9".repeat(digits),
                    "0." + "9".repeat(digits),
                    "1e" + "9".repeat(digits),
                    "9".repeat(digits) + ".5e-" + "9".repeat(digits)));
  }

  @ParameterizedTest
  @MethodSource("literals")
  void aLiteralOfAnyLengthIsRead(String digits) {
    Assertions.assertTimeoutPreemptively(
        SOON,
        () ->
            List.of("-", "+")
                .forEach(
                    sign ->
                        assertThatCode(
                                () ->
                                    Literals.signed(
                                        Span.NONE, sign, Literals.number(Span.NONE, digits)))
                            .doesNotThrowAnyException()));
  }
}
