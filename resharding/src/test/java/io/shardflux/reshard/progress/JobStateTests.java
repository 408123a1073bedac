package io.shardflux.reshard.progress;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.progress.JobState.Phase;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class JobStateTests {

  private static final JobState FAR =
      new JobState(
          2,
          Phase.COPY,
          1,
          List.of("7", "'a,b\n=c'"),
          5_000,
          Map.of("2 shard_0 users", "12", "2 shard_1 a=b\ncopy=3", "13"),
          2,
          1_234,
          "cancel: refused\ncopy=99",
          17);

  /** All that becomes of a state without a new copy on the shards. */
  static Stream<UnaryOperator<JobState>> changes() {
    return Stream.of(
        state -> state,
        state -> state.at(Phase.HOLD),
        state -> state.at(3, Phase.VERIFY),
        state -> state.at(1, List.of("8")),
        state -> state.copied(10),
        state -> state.marked(Map.of("more", "1")),
        state -> state.refused("reverse: no\ncopy=1"),
        state -> state.refused(Shown.GAVE_UP + "why"),
        state -> state.refused(""),
        JobState::nextStep,
        state -> state.held(9_999));
  }

  @ParameterizedTest
  @MethodSource("changes")
  void tellsTheNextOwnerHowManyCopiesThereAre(UnaryOperator<JobState> change) {
    JobState changed = change.apply(FAR);
    assertThat(JobState.parse(changed.text())).isEqualTo(changed);
    assertThat(JobState.parse(changed.text()).copy()).isEqualTo(17);
    assertThat(JobState.parse(changed.numbered(18).text()))
        .isEqualTo(changed.numbered(18))
        .extracting(JobState::copy)
        .isEqualTo(18L);
  }

  @Test
  void readsWhatIsWrittenInAnotherOrderOrNotAtAll() {
    assertThat(JobState.parse("step=1\nphase=COPY").copy()).isZero();
    assertThat(JobState.parse("copy=4\nstep=1\nphase=COPY\nmark.61=1").copy()).isEqualTo(4);
    assertThat(JobState.parse("step=1\nphase=COPY\nmark.61=1\ncopy=5").copy()).isEqualTo(5);
  }
}
