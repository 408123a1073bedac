package io.shardflux.reshard.transfer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.reshard.transfer.Rows.CutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowsTests {

  @ParameterizedTest
  @ValueSource(strings = {"", "(1,'a')", "(1,'\u00e4')", "(1,'\u20ac\u4e2d')", "('\ud83d\ude00x')"})
  void countsBytesAsTheServerDoes(String text) {
    assertThat(Rows.of("TRUE", 1, text).bytes()).isEqualTo(text.getBytes(UTF_8).length);
  }

  @Test
  void aTextOfTheGreatestLengthCountsAsCutOff() {
    Rows rows = Rows.of("TRUE", 2, "(1),(\u20ac)");
    assertThat(rows.whole(rows.bytes() + 4)).isEqualTo(rows);
    assertThatThrownBy(() -> rows.whole(rows.bytes() + 3)).isInstanceOf(CutException.class);
    assertThatThrownBy(() -> Rows.of("TRUE", 1, null).whole(100)).isInstanceOf(CutException.class);
    assertThat(Rows.of("TRUE", 0, null).whole(100).count()).isZero();
  }

  @Test
  void chunksHaveAboutAMebibyte() {
    ChunkSize size = new ChunkSize();
    assertThat(size.rows()).isEqualTo(250);
    size.seen(250, 25_000);
    assertThat(size.rows()).isEqualTo(500);
    size.seen(500, 50_000);
    assertThat(size.rows()).isEqualTo(1_000);
    size.seen(8_000, 0);
    assertThat(size.rows()).isEqualTo(10_000);
    size.seen(10_000, 100L << 20);
    assertThat(size.rows()).isEqualTo(100);
    size.seen(1, 5L << 20);
    assertThat(size.rows()).isEqualTo(1);
  }
}
