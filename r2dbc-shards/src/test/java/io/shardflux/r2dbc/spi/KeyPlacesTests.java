package io.shardflux.r2dbc.spi;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.spi.Snapshot.KeyPlaces;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import org.junit.jupiter.api.Test;

class KeyPlacesTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final KeyPlace RESTS = new KeyPlace(A, null);
  private static final KeyPlace MOVES = new KeyPlace(A, new Step(A, B, Phase.COPYING));
  private static final KeyPlace MOVES_BACK = new KeyPlace(A, new Step(B, A, Phase.SWITCHED));

  @Test
  void keysAreAlikeWhereOneStepMovesAllOrNone() {
    assertThat(KeyPlaces.of(List.of())).isEqualTo(new KeyPlaces(false, true));
    assertThat(KeyPlaces.of(List.of(RESTS, RESTS))).isEqualTo(new KeyPlaces(false, true));
    assertThat(KeyPlaces.of(List.of(MOVES, MOVES))).isEqualTo(new KeyPlaces(true, true));
  }

  @Test
  void keysAreNotAlikeInWhateverOrderTheyCome() {
    for (List<KeyPlace> places :
        List.of(
            List.of(RESTS, MOVES),
            List.of(MOVES, RESTS),
            List.of(MOVES, MOVES_BACK),
            List.of(MOVES_BACK, MOVES))) {
      assertThat(KeyPlaces.of(places)).as("%s", places).isEqualTo(new KeyPlaces(true, false));
    }
  }
}
