package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.Shard;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Reads the section {@code control} of a document. */
final class ControlReader {

  static final String[] KEYS = {
    "url",
    "username",
    "password",
    "cluster",
    "poll",
    "lease",
    "publish",
    "create-tables",
    "credentials"
  };

  private static final int POLLS_OF_A_LEASE = 3;
  private static final String NAME = "1 to 64 letters, digits, '_', '-' or '.'";

  private ControlReader() {}

  static ControlOptions read(Setting control, Shard server, Accounts accounts) {
    Setting poll = control.get("poll");
    Setting lease = control.get("lease");
    Duration leased =
        lease.present()
            ? lease.time(
                ControlOptions.SHORTEST_LEASE, ControlOptions.LONGEST_LEASE, "a time from 1s to 1m")
            : null;
    Duration polled =
        poll.present()
            ? poll.time(
                ControlOptions.SHORTEST_POLL,
                ControlOptions.LONGEST_POLL,
                "a time from 100ms to 20s")
            : defaultPoll(leased);
    Duration least = polled.multipliedBy(POLLS_OF_A_LEASE);
    if (leased != null && leased.compareTo(least) < 0) {
      throw lease.refused("at least three times control.poll, " + least);
    }
    return new ControlOptions(
        server,
        cluster(control.get("cluster")),
        polled,
        leased != null ? leased : longer(ControlOptions.DEFAULT_LEASE, least),
        control.get("publish").or(false, Setting::truth),
        control.get("create-tables").or(false, Setting::truth),
        accounts);
  }

  /** An unspecified time gives way to the lease. */
  private static Duration defaultPoll(@Nullable Duration lease) {
    Duration most = lease == null ? ControlOptions.LONGEST_POLL : lease.dividedBy(POLLS_OF_A_LEASE);
    return most.compareTo(ControlOptions.DEFAULT_POLL) < 0 ? most : ControlOptions.DEFAULT_POLL;
  }

  private static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) > 0 ? one : other;
  }

  private static @Nullable String cluster(Setting setting) {
    if (!setting.present()) {
      return null;
    }
    String name = setting.text(NAME);
    if (!Accounts.NAME.matcher(name).matches()) {
      throw setting.refused(NAME);
    }
    return name;
  }
}
