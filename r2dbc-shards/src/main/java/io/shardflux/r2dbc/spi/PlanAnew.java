package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.router.TransitionStrategy.KeyPlace;

/** Reports that a statement must be planned by another snapshot, because its keys move. */
final class PlanAnew extends LocateAnew {

  private static final long serialVersionUID = 1L;

  private final transient String table;
  private final transient KeyPlace place;
  private final transient Epoch epoch;

  PlanAnew(After after, String table, KeyPlace place, Epoch epoch) {
    super(after);
    this.table = table;
    this.place = place;
    this.epoch = epoch;
  }

  String table() {
    return table;
  }

  KeyPlace place() {
    return place;
  }

  Epoch epoch() {
    return epoch;
  }
}
