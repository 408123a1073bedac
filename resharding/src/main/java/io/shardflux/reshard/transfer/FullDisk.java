package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.router.ShardId;
import java.util.Set;
import java.util.regex.Pattern;

/** Errors of servers that have no room left. */
final class FullDisk {

  private static final int TABLE_FULL = 1114;
  private static final int DISK_FULL = 1021;

  /** Errors that name the one of the operating system. */
  private static final Set<Integer> OF_SYSTEM = Set.of(3, 1026, 1030, 1878);

  private static final Pattern NO_SPACE = Pattern.compile("(?i)(?:errno:|error:?) ?28\\b");

  private FullDisk() {}

  /**
   * A server's disk, or a file of it, is full. It names its server, as no other error here does.
   */
  private static final class NoRoomException extends RuntimeException {

    private static final long serialVersionUID = 1;

    NoRoomException(String message, Throwable cause) {
      super(message, cause);
    }
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
