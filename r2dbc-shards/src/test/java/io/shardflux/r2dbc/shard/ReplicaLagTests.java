package io.shardflux.r2dbc.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.shard.ReplicaLag.Following;
import io.shardflux.r2dbc.shard.ReplicaLag.Severed;
import io.shardflux.r2dbc.shard.ReplicaLag.Source;
import io.shardflux.r2dbc.shard.ReplicaLag.Unknown;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplicaLagTests {

  @Test
  void bothAtWorkIsTheServersOwnNumber() {
    assertThat(lagOf(source("Yes", "Yes", 7L))).isEqualTo(new Following(Duration.ofSeconds(7)));
    assertThat(lagOf(source("Yes", "Yes", 0L))).isEqualTo(new Following(Duration.ZERO));
  }

  @Test
  void zeroFromAReceiverThatIsNotConnectedIsNoLag() {
    assertThat(lagOf(new Source("Connecting", "Yes", 0L, 2003, 0)))
        .isEqualTo(new Severed("receives nothing (receiver: Connecting, error 2003)"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"No", "Preparing", "Connecting"})
  void withoutAReceiverItIsSevered(String receiver) {
    assertThat(lagOf(source(receiver, "Yes", null)))
        .isEqualTo(new Severed("receives nothing (receiver: " + receiver + ")"));
  }

  @Test
  void withoutAnApplierItIsUnknown() {
    assertThat(lagOf(source("Yes", "No", null)))
        .isEqualTo(new Unknown("applies nothing (applier: No)"));
    assertThat(lagOf(new Source("Connecting", "No", null, 2003, 1062)))
        .isEqualTo(new Unknown("applies nothing (applier: No, error 1062)"));
  }

  @Test
  void noNumberIsUnknown() {
    assertThat(lagOf(source("Yes", "Yes", null))).isEqualTo(new Unknown("tells no lag"));
  }

  @Test
  void noSourceIsNoReplica() {
    assertThat(lagOf()).isEqualTo(new Unknown("not a replica"));
  }

  @Test
  void ofSeveralSourcesTheWorstCounts() {
    Source near = source("Yes", "Yes", 1L);
    Source far = source("Yes", "Yes", 90L);
    Source severed = source("No", "Yes", null);
    Source stopped = source("Yes", "No", null);
    assertThat(lagOf(near, far, near)).isEqualTo(new Following(Duration.ofSeconds(90)));
    assertThat(lagOf(far, severed, near)).isInstanceOf(Severed.class);
    assertThat(lagOf(stopped, severed, far)).isInstanceOf(Unknown.class);
  }

  private static ReplicaLag lagOf(Source... sources) {
    return ReplicaLag.ofAll(List.of(sources));
  }

  private static Source source(String receiver, String applier, @Nullable Long secondsBehind) {
    return new Source(receiver, applier, secondsBehind, 0, 0);
  }
}
