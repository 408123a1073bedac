package io.shardflux.r2dbc.atomic;

import io.shardflux.router.ShardId;
import java.util.List;
import java.util.Map;

/**
 * The transactions in doubt at one look at all shards.
 *
 * @param transactions those of which a shard that answered has a prepared part, by their names
 * @param unanswered the shards that did not answer, or lack the tables of transactions, each with
 *     the reason; whether they have prepared parts is not known
 */
public record TransactionsInDoubt(List<InDoubt> transactions, Map<ShardId, String> unanswered) {

  /** Copies the list and the map. */
  public TransactionsInDoubt {
    transactions = List.copyOf(transactions);
    unanswered = Map.copyOf(unanswered);
  }
}
