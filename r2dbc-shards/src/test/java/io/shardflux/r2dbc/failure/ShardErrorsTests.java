package io.shardflux.r2dbc.failure;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.ShardId;
import org.junit.jupiter.api.Test;

class ShardErrorsTests {

  @Test
  void anErrorNamesTheShardWhereItCameFrom() {
    R2dbcException error = new R2dbcBadGrammarException("no such column", "42S22", 1054);
    Throwable named = ShardErrors.named(ShardId.of("inner"), error);
    assertThat(named)
        .isInstanceOf(R2dbcBadGrammarException.class)
        .hasMessage("inner: no such column")
        .hasCause(error);
    assertThat(ShardErrors.named(ShardId.of("outer"), named)).isSameAs(named);
  }
}
