package io.shardflux.reshard.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.router.ShardId;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FullDiskTests {

  private static final ShardId SHARD = ShardId.of("s");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1114 | The table 'users' is full                                                  | true",
        "1021 | Disk full (/tmp); waiting for someone to free some space...                | true",
        "1026 | Error writing file './d/users.ibd' (errno: 28 - No space left on device)   | true",
        "1026 | Error writing file 'x' (errno: 28 \"No space left on device\")             | true",
        "3    | Error writing file '/tmp/MYx' (Errcode: 28)                                | false",
        "3    | Error writing file '/tmp/MYx' (OS errno: 28 - No space left on device)     | true",
        "1030 | Got error 28 from storage engine                                           | true",
        "1030 | Got error 28 'No space left on device' from storage engine InnoDB          | true",
        "1030 | Got error 128 from storage engine                                          | false",
        "1030 | Got error 280 from storage engine                                          | false",
        "1062 | Duplicate entry '28' for key 'PRIMARY'                                     | false",
        "1205 | Lock wait timeout exceeded                                                 | false"
      })
  void namesAServerThatIsFull(int code, String message, boolean full) {
    R2dbcException error = new R2dbcNonTransientResourceException(message, "HY000", code);
    Throwable named = FullDisk.named(SHARD, error);
    if (full) {
      assertThat(named)
          .hasMessageStartingWith("s: no room left, [" + code + "] " + message)
          .hasCause(error);
    } else {
      assertThat(named).isSameAs(error);
    }
  }
}
