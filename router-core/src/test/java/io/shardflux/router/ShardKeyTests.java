package io.shardflux.router;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class ShardKeyTests {

  @Test
  void integersOfAllWidthsAreTheSameKey() {
    ShardKey one = ShardKey.of(1L);

    assertThat(ShardKey.of((byte) 1)).isEqualTo(one).hasSameHashCodeAs(one);
    assertThat(ShardKey.of((short) 1)).isEqualTo(one);
    assertThat(ShardKey.of(1)).isEqualTo(one);
    assertThat(ShardKey.of(BigInteger.ONE)).isEqualTo(one).hasSameHashCodeAs(one);
    assertThat(ShardKey.of("1")).isNotEqualTo(one);
  }

  @Test
  void bytesAreAKeyByWhatTheyAre() {
    byte[] bytes = {0, 1, -1};
    ShardKey key = ShardKey.of(bytes);
    ShardKey same = ShardKey.of(ByteBuffer.wrap(new byte[] {9, 0, 1, -1}, 1, 3));
    bytes[0] = 7;
    ((ByteBuffer) same.part(0)).get();

    assertThat(same).isEqualTo(key).hasSameHashCodeAs(key).hasToString("0x0001ff");
    assertThat(same.parts()).isEqualTo(key.parts());
    assertThat(((ByteBuffer) same.part(0)).isReadOnly()).isTrue();
    assertThat(key.type(0)).isEqualTo(KeyType.BINARY);
    assertThat(ShardKey.of(KeyType.bytes("0x0001FF"))).isEqualTo(key);
    assertThat(key).isNotEqualTo(ShardKey.of("\0\1\u00ff"));
    assertThat(KeyOrder.compare(ShardKey.of(new byte[] {-1}), 0, key, 0)).isPositive();
  }

  @Test
  void aUuidIsTheBytesOfAColumnThatHoldsItSo() {
    UUID uuid = UUID.fromString("6ccd780c-baba-1026-9564-5b8c656024db");
    byte[] plain = KeyType.bytes("0x6ccd780cbaba102695645b8c656024db");
    byte[] swapped = KeyType.bytes("0x1026baba6ccd780c95645b8c656024db");

    assertThat(UuidOrder.PLAIN.bytes(uuid)).isEqualTo(plain);
    assertThat(UuidOrder.SWAPPED.bytes(uuid)).isEqualTo(swapped);

    TableRule.Sharded rule =
        new TableRule.Sharded(
            "t", List.of(KeyColumn.text("a"), KeyColumn.uuid("id", UuidOrder.SWAPPED)), "by");
    assertThat(rule.stored(ShardKey.of("x", uuid))).isEqualTo(ShardKey.of("x", swapped));
    assertThat(rule.stored(ShardKey.of("x", plain))).isEqualTo(ShardKey.of("x", plain));
    assertThatThrownBy(() -> rule.stored(ShardKey.of("x", uuid.toString())))
        .isInstanceOf(UnroutableKeyException.class)
        .hasMessageContaining("TEXT (expected: BINARY)");
    assertRefused(
        "order: several",
        () ->
            new TableRule.Sharded(
                "t",
                List.of(
                    KeyColumn.uuid("a", UuidOrder.PLAIN), KeyColumn.uuid("b", UuidOrder.SWAPPED)),
                "by"));
    assertRefused(
        "column id, order: PLAIN (expected: none",
        () -> new KeyColumn("id", KeyType.UUID, UuidOrder.PLAIN));
  }

  @Property
  void equalPartsMakeEqualKeys(@ForAll long number, @ForAll int other) {
    ShardKey key = ShardKey.of(number, "x");

    assertThat(ShardKey.of(BigInteger.valueOf(number), "x")).isEqualTo(key).hasSameHashCodeAs(key);
    assertThat(ShardKey.of((long) other, "x").equals(key)).isEqualTo(number == other);
    assertThat(key.slice(0, 1)).isEqualTo(ShardKey.of(number));
    assertThat(key.slice(0, 2)).isEqualTo(key);
  }

  @Property
  void integersAreOrderedByValue(@ForAll BigInteger a, @ForAll BigInteger b) {
    BigInteger x = inRange(a);
    BigInteger y = inRange(b);

    assertThat(Integer.signum(KeyOrder.compare(ShardKey.of(x), 0, ShardKey.of(y), 0)))
        .isEqualTo(x.compareTo(y));
  }

  private static BigInteger inRange(BigInteger any) {
    BigInteger min = BigInteger.valueOf(Long.MIN_VALUE);
    return any.subtract(min).mod(BigInteger.ONE.shiftLeft(64).subtract(min)).add(min);
  }

  @Test
  void textsAreCanonical() {
    assertThat(ShardKey.of(new BigInteger("18446744073709551615")).text(0))
        .isEqualTo("18446744073709551615");
    assertThat(ShardKey.of(LocalDateTime.parse("2024-02-29T01:02")).text(0))
        .isEqualTo("2024-02-29 01:02:00.000000");
    assertThat(ShardKey.of(Instant.parse("2024-02-29T01:02:03.4Z")).text(0))
        .isEqualTo("2024-02-29 01:02:03.400000");
    assertThat(ShardKey.of(UUID.fromString("0000000A-0000-0000-0000-00000000000B")).text(0))
        .isEqualTo("0000000a-0000-0000-0000-00000000000b");
    assertThat(ShardKey.of("acme", 42)).hasToString("(acme, 42)");
  }

  @Property
  void timesAreWrittenAsAFormatterWould(
      @ForAll @LongRange(min = -30_610_224_000L, max = 253_402_300_799L) long second,
      @ForAll @IntRange(max = 999_999) int micros) {
    LocalDateTime time = LocalDateTime.ofEpochSecond(second, micros * 1000, ZoneOffset.UTC);
    String text =
        DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSSSSS", Locale.ROOT).format(time);

    assertThat(ShardKey.of(time).text(0)).isEqualTo(text);
    assertThat(ShardKey.of(time.toInstant(ZoneOffset.UTC)).text(0)).isEqualTo(text);
  }

  @Test
  void refusesWhatIsNoKey() {
    assertRefused("key parts: 0", () -> ShardKey.of());
    assertRefused("key part 0: null (expected: a value)", () -> ShardKey.of((Object) null));
    assertRefused("key part 1: null", () -> ShardKey.of(1, null));
    assertRefused("java.lang.Double", () -> ShardKey.of(1.5));
    assertRefused("key part 0: empty (", () -> ShardKey.of("", 1));
    assertRefused("18446744073709551616", () -> ShardKey.of(BigInteger.ONE.shiftLeft(64)));
    assertRefused(
        "-9223372036854775809",
        () -> ShardKey.of(BigInteger.valueOf(Long.MIN_VALUE).subtract(BigInteger.ONE)));
    assertRefused("0999-12-31", () -> ShardKey.of(LocalDate.of(999, 12, 31)));
    assertRefused("+10000-01-01", () -> ShardKey.of(LocalDate.of(10_000, 1, 1)));
    assertRefused(
        "at most microseconds",
        () -> ShardKey.of(LocalDateTime.parse("2024-01-01T00:00:00.000000001")));
    assertRefused(
        "at most microseconds", () -> ShardKey.of(Instant.parse("2024-01-01T00:00:00.000000001Z")));
    assertRefused("unpaired surrogate", () -> ShardKey.of("\uD83D"));
    assertRefused("3073 bytes", () -> ShardKey.of("x".repeat(3073)));
    assertRefused("bytes, 3073 bytes", () -> ShardKey.of(new byte[3073]));
    assertRefused("key part 1: empty (", () -> ShardKey.of(1, new byte[0]));
    assertRefused("bytes: ff (expected: 0x", () -> KeyType.bytes("ff"));
    assertRefused("0x0f0", () -> KeyType.bytes("0x0f0"));
    assertRefused("key parts: 17", () -> ShardKey.of(new Object[17]));
  }

  private static void assertRefused(String message, ThrowingCallable key) {
    assertThatIllegalArgumentException().isThrownBy(key).withMessageContaining(message);
  }
}
