package io.shardflux.reshard.plan;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.plan.MovePlan.Target;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The room that a move needs on its targets, and what they say of it. */
final class Room {

  /**
   * The disk of the data directory, where MariaDB's plugin {@code disks} is installed and the
   * account has the right {@code FILE}. No table of MySQL tells what a disk has left.
   */
  private static final String FREE =
      "SELECT CAST(Available AS SIGNED) * 1024 FROM information_schema.DISKS WHERE"
          + " LOCATE(CONCAT(TRIM(TRAILING '/' FROM Path), '/'), @@datadir) = 1"
          + " ORDER BY LENGTH(Path) DESC LIMIT 1";

  private Room() {}

  /** The bytes that the pairs bring to each shard, and those that it has left. */
  static Mono<List<Target>> of(Servers servers, List<Pair> pairs) {
    Map<ShardId, Long> bytes = new LinkedHashMap<>();
    pairs.forEach(pair -> bytes.merge(pair.to(), pair.bytesAbout(), Long::sum));
    return Flux.fromIterable(bytes.entrySet())
        .concatMap(
            each ->
                servers
                    .on(each.getKey(), Room::free)
                    .map(free -> new Target(each.getKey(), each.getValue(), free))
                    .defaultIfEmpty(new Target(each.getKey(), each.getValue(), null)))
        .collectList();
  }

  private static Mono<Long> free(Session session) {
    return session.place().mariaDb()
        ? session
            .rows(FREE, row -> Objects.requireNonNull(row.get(0, Long.class)))
            .next()
            .onErrorComplete(R2dbcException.class)
        : Mono.empty();
  }

  /** Refuses targets that are known to have too little. */
  static List<Refusal> refusals(List<Target> targets) {
    return targets.stream()
        .filter(target -> target.bytesFree() != null && target.bytesFree() < target.bytesAbout())
        .map(
            target ->
                new Refusal(
                    Code.TOO_LITTLE_ROOM,
                    target.shard().value(),
                    target.bytesFree()
                        + " bytes are free on its disk (expected: at least about "
                        + target.bytesAbout()
                        + ", and more with a binary log there; make room, or accept this if the"
                        + " estimate is wrong)"))
        .toList();
  }
}
