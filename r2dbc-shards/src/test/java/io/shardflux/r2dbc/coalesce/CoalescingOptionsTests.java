package io.shardflux.r2dbc.coalesce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

class CoalescingOptionsTests {

  @Test
  void changesOneNumberAtATime() {
    assertThat(
            CoalescingOptions.defaults()
                .withMaxKeys(1)
                .withMaxRows(2)
                .withInFlight(3)
                .withMaxWaiting(4))
        .isEqualTo(new CoalescingOptions(1, 2, 3, 4));
    assertThat(CoalescingOptions.defaults())
        .isEqualTo(new CoalescingOptions(128, 10_000, 2, 10_000));
  }

  @Test
  void refusesWhatIsOutOfBounds() {
    CoalescingOptions defaults = CoalescingOptions.defaults();
    refused(() -> defaults.withMaxKeys(0), "coalescing.max-keys: 0 (expected: from 1 to 1000)");
    refused(() -> defaults.withMaxKeys(1_001), "coalescing.max-keys: 1001");
    refused(() -> defaults.withMaxRows(0), "coalescing.max-rows: 0");
    refused(() -> defaults.withInFlight(65), "coalescing.in-flight: 65 (expected: from 1 to 64)");
    refused(() -> defaults.withMaxWaiting(-1), "coalescing.max-waiting: -1");
  }

  private static void refused(Runnable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call::run).withMessageStartingWith(message);
  }
}
