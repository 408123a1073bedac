package io.shardflux.router;

import java.util.Arrays;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The numbers from 0 on, cut into segments that have an owner each. */
final class Segments {

  private final long[] ends;
  private final ShardId[] owners;

  /**
   * Takes the arrays as they are.
   *
   * @param ends the last number of each segment, ascending
   * @param owners the owner of each segment
   */
  Segments(long[] ends, ShardId[] owners) {
    this.ends = ends;
    this.owners = owners;
  }

  /** The owner of a number, which is at most the last end. */
  ShardId at(long number) {
    int found = Arrays.binarySearch(ends, number);
    return owners[found >= 0 ? found : -found - 1];
  }

  /** Calls for each pair of an owner here and one there that have a number both, and different. */
  void compare(Segments other, BiConsumer<ShardId, ShardId> pair) {
    int own = 0;
    int others = 0;
    while (own < ends.length && others < other.ends.length) {
      if (!owners[own].equals(other.owners[others])) {
        pair.accept(owners[own], other.owners[others]);
      }
      long end = Math.min(ends[own], other.ends[others]);
      own += ends[own] == end ? 1 : 0;
      others += other.ends[others] == end ? 1 : 0;
    }
  }

  /** A SQL condition that an owner has a number; the number is evaluated once. */
  String owns(String number, ShardId owner) {
    long[] flips = flips(owner);
    if (flips.length == 0) {
      return "FALSE";
    }
    if (flips.length == 2) {
      return number + " BETWEEN " + flips[0] + " AND " + (flips[1] - 1);
    }
    // INTERVAL counts, by binary search, the flips up to the number: inside if they are odd.
    return LongStream.of(flips)
        .mapToObj(Long::toString)
        .collect(Collectors.joining(", ", "INTERVAL(" + number + ", ", ") % 2 = 1"));
  }

  /**
   * The numbers at which, going up from 0, the owner's run of segments begins, ends, begins again
   * and so on.
   */
  private long[] flips(ShardId owner) {
    LongStream.Builder flips = LongStream.builder();
    boolean inside = false;
    long start = 0;
    for (int i = 0; i < ends.length; i++) {
      if (owners[i].equals(owner) != inside) {
        flips.add(start);
        inside = !inside;
      }
      start = ends[i] + 1;
    }
    if (inside) {
      flips.add(start);
    }
    return flips.build().toArray();
  }
}
