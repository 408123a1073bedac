package io.shardflux.reshard;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.reshard.MovePlan.Code;
import io.shardflux.reshard.MovePlan.Pair;
import io.shardflux.reshard.MovePlan.Refusal;
import io.shardflux.reshard.MovePlan.Target;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The room that a move needs on its targets, and what they say of it. */
final class Room {

  private static final int TABLE_FULL = 1114;
  private static final int DISK_FULL = 1021;

  /** Errors that name the one of the operating system. */
  private static final Set<Integer> OF_SYSTEM = Set.of(3, 1026, 1030, 1878);

  private static final Pattern NO_SPACE = Pattern.compile("(?i)(?:errno:|error:?) ?28\\b");

  /**
   * The disk of the data directory, where MariaDB's plugin {@code disks} is installed and the
   * account has the right {@code FILE}. No table of MySQL tells what a disk has left.
   */
  private static final String FREE =
      "SELECT CAST(Available AS SIGNED) * 1024 FROM information_schema.DISKS WHERE"
          + " LOCATE(CONCAT(TRIM(TRAILING '/' FROM Path), '/'), @@datadir) = 1"
          + " ORDER BY LENGTH(Path) DESC LIMIT 1";

  private Room() {}

  /**
   * A server's disk, or a file of it, is full. It names its server, as no other error here does.
   */
  private static final class NoRoomException extends RuntimeException {

    private static final long serialVersionUID = 1;

    NoRoomException(String message, Throwable cause) {
      super(message, cause);
    }
  }

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

  /** Names the error of a server whose disk or file is full; others are given back as they are. */
  static Throwable named(ShardId shard, R2dbcException error) {
    int code = error.getErrorCode();
    String message = String.valueOf(error.getMessage());
    boolean full =
        code == TABLE_FULL
            || code == DISK_FULL
            || (OF_SYSTEM.contains(code) && NO_SPACE.matcher(message).find());
    return full
        ? new NoRoomException(
            shard
                + ": no room left, ["
                + code
                + "] "
                + message
                + " (expected: room for what moves there; make some, and the move goes on by"
                + " itself, or cancel it; nothing is lost)",
            error)
        : error;
  }
}
