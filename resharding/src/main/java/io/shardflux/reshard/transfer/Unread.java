package io.shardflux.reshard.transfer;

import io.shardflux.reshard.transfer.Capture.Changes;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/**
 * Reads the changes of a table that wait, each once, although none is forgotten yet. A number that
 * was not there may come later, as transactions commit in any order. The changes before are not
 * looked through each time, since InnoDB keeps those that were deleted for a while. Not
 * thread-safe.
 */
final class Unread {

  /** More missing numbers are not looked for, as where each server has numbers of its own. */
  private static final int MOST_MISSING = 1_000;

  private final Capture capture;
  private final Session source;
  private final String skipped;
  private final SortedSet<Long> missing = new TreeSet<>();
  private long upTo;

  /**
   * Reads nothing yet.
   *
   * @param skipped the condition of changes of which the keys are left out
   */
  Unread(Capture capture, Session source, String skipped) {
    this.capture = capture;
    this.source = source;
    this.skipped = skipped;
  }

  Mono<Changes> next(int most) {
    return Mono.defer(() -> capture.oldest(source, condition(), skipped, most))
        .doOnNext(this::read);
  }

  private String condition() {
    if (upTo == 0) {
      return "TRUE";
    }
    String later = "shardflux_seq > " + upTo;
    return missing.isEmpty()
        ? later
        : later
            + " OR shardflux_seq IN ("
            + missing.stream().map(String::valueOf).collect(Collectors.joining(", "))
            + ")";
  }

  private void read(Changes changes) {
    if (changes.isEmpty()) {
      return;
    }
    List<Long> gaps = new ArrayList<>();
    for (long number : changes.numbers()) {
      if (number <= upTo) {
        missing.remove(number);
      } else {
        for (long gap = upTo + 1; upTo > 0 && gap < number && gaps.size() < MOST_MISSING; gap++) {
          gaps.add(gap);
        }
        upTo = number;
      }
    }
    missing.addAll(gaps);
    while (missing.size() > MOST_MISSING) {
      missing.remove(missing.first());
    }
  }
}
