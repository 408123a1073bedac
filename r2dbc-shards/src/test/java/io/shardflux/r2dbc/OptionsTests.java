package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.architecture.OptionsContract;
import io.shardflux.r2dbc.settings.PoolOptions;
import org.junit.jupiter.api.Test;

class OptionsTests {

  @Test
  void aPoolsBuilderDoesItsPart() {
    OptionsContract.check(PoolOptions.defaults());
  }

  @Test
  void streamsThatAreHalfOfAPoolRemainHalf() {
    PoolOptions small = PoolOptions.builder().maxSize(2).build();
    assertThat(small.toBuilder().build()).isEqualTo(small);
    assertThat(small.toBuilder().maxSize(20).build().streams()).isEqualTo(10);
    assertThat(small.toBuilder().streams(2).build().toBuilder().maxSize(20).build().streams())
        .isEqualTo(2);
  }
}
