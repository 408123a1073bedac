package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.util.List;
import org.junit.jupiter.api.Test;

class ModuloStrategyTests {

  private final ShardingStrategy modulo = ShardingStrategy.modulo(ids("a", "b", "c"));

  @Test
  void countsOnDownwardsBelowZero() {
    assertThat(modulo.locate(ShardKey.of(0))).isEqualTo(id("a"));
    assertThat(modulo.locate(ShardKey.of(5))).isEqualTo(id("c"));
    assertThat(modulo.locate(ShardKey.of(-1))).isEqualTo(id("c"));
    assertThat(modulo.locate(ShardKey.of(-3))).isEqualTo(id("a"));
    assertThat(modulo.locate(ShardKey.of(Long.MIN_VALUE))).isEqualTo(id("b"));
  }

  @Test
  void takesUnsignedIntegers() {
    BigInteger max = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    assertThat(modulo.locate(ShardKey.of(max))).isEqualTo(id("a"));
    assertThat(modulo.locate(ShardKey.of(max.subtract(BigInteger.ONE)))).isEqualTo(id("c"));
  }

  @Test
  void refusesWhatItCannotDo() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.modulo(List.of()))
        .withMessage("shards: none (expected: at least one)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.modulo(ids("a", "a")))
        .withMessageContaining("a, twice");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> modulo.locate(ShardKey.of("7")))
        .withMessage("key part 0: 7, TEXT (expected: INTEGER)");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> modulo.locate(ShardKey.of(1, 2)))
        .withMessage("key: (1, 2) (expected: one part)");
  }
}
