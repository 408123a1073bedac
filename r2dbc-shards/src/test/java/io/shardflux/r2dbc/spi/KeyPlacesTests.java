package io.shardflux.r2dbc.spi;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.spi.Snapshot.KeyPlaces;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Place;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import org.junit.jupiter.api.Test;

class KeyPlacesTests {

  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final Place RESTS = new Place(A, null);
  private static final Place MOVES = new Place(A, new Step(A, B, Phase.COPYING));
  private static final Place MOVES_BACK = new Place(A, new Step(B, A, Phase.SWITCHED));

  @Test
  void keysAreAlikeWhereOneStepMovesAllOrNone() {
    assertThat(KeyPlaces.of(List.of())).isEqualTo(new KeyPlaces(false, true));
    assertThat(KeyPlaces.of(List.of(RESTS, RESTS))).isEqualTo(new KeyPlaces(false, true));
    assertThat(KeyPlaces.of(List.of(MOVES, MOVES))).isEqualTo(new KeyPlaces(true, true));
  }

  @Test
  void keysAreNotAlikeInWhateverOrderTheyCome() {
    for (List<Place> places :
        List.of(
            List.of(RESTS, MOVES),
            List.of(MOVES, RESTS),
            List.of(MOVES, MOVES_BACK),
            List.of(MOVES_BACK, MOVES))) {
      assertThat(KeyPlaces.of(places)).as("%s", places).isEqualTo(new KeyPlaces(true, false));
    }
  }
}
