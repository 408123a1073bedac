package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.Internal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A document's section {@code control}: the place of the topology that several routers share.
 *
 * @param server the server of the control tables, with pool bounds of its own; its id is only its
 *     name in messages
 * @param cluster a name of the cluster for people, or null
 * @param poll the time from one look at the epoch to the next
 * @param lease the time for which an epoch that was read counts; at least three times {@code poll}
 * @param publish whether a topology that was never published may be published at the start
 * @param createsTables whether control tables that are not there are made
 * @param accounts the accounts that a published topology may name
 */
@Internal
public record ControlOptions(
    Shard server,
    @Nullable String cluster,
    Duration poll,
    Duration lease,
    boolean publish,
    boolean createsTables,
    Accounts accounts) {

  public static final Duration DEFAULT_POLL = Duration.ofSeconds(1);
  public static final Duration SHORTEST_POLL = Duration.ofMillis(100);
  public static final Duration LONGEST_POLL = Duration.ofSeconds(20);
  public static final Duration DEFAULT_LEASE = Duration.ofSeconds(5);
  public static final Duration SHORTEST_LEASE = Duration.ofSeconds(1);
  public static final Duration LONGEST_LEASE = Duration.ofMinutes(1);
}
