package io.shardflux.reshard.transfer;

import java.util.concurrent.atomic.AtomicInteger;

/** Learns how many rows of a table have literals of about 1 MiB together. Thread-safe. */
final class ChunkSize {

  static final int BYTES = 1 << 20;

  /** Literals of several rows that have more bytes are not taken at all. */
  static final int MOST_BYTES = 2 * BYTES;

  /** Few, as they may be wide ones. */
  private static final int FIRST = 250;

  private static final int MOST = 10_000;

  private final AtomicInteger rows = new AtomicInteger(FIRST);

  int rows() {
    return rows.get();
  }

  /** Learns from the rows of a range, of which some may not move. */
  void seen(int seen, long bytes) {
    long fitting = bytes == 0 ? MOST : (long) seen * BYTES / bytes;
    rows.updateAndGet(
        now -> (int) Math.max(1, Math.min(Math.min(MOST, fitting), Math.max(now, 2L * seen))));
  }
}
