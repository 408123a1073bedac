package io.shardflux.reshard.plan;

import io.shardflux.reshard.ShardMoves;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A change that an operator wants of the places of rows. {@link ShardMoves#plan(Intent)} says what
 * that moves, and what is in its way. Immutable.
 */
public sealed interface Intent {

  /**
   * {@return the intent of a text, a map in YAML or JSON} Its first key says what is wanted, such
   * as {@code {spread: by_user, shards: [shard_0, shard_1]}}. A strategy in it is written as in a
   * router's document; a directory is refused.
   *
   * @param text the map
   * @throws IllegalArgumentException if it is malformed
   */
  static Intent parse(String text) {
    return IntentText.read(text);
  }

  /**
   * A strategy's keys lie where another strategy has them.
   *
   * @param strategy its name
   * @param next the strategy that shall take its place, of any kind
   */
  record Change(String strategy, ShardingStrategy next) implements Intent {}

  /**
   * A strategy's keys are spread evenly over these shards. From an even strategy keys go to the new
   * shards and from those that are left out, and between no two others; a modulo moves most keys.
   * Of tenants, those that share a strategy are spread, and of a directory its keys, of which at
   * most 1,000 may move. Ranges and groups can't be.
   *
   * @param strategy its name
   * @param shards all shards that it shall have, each once
   */
  record Spread(String strategy, List<ShardId> shards) implements Intent {

    /**
     * Copies the list.
     *
     * @param strategy see {@link #strategy()}
     * @param shards see {@link #shards()}
     */
    public Spread {
      shards = List.copyOf(shards);
    }
  }

  /**
   * The shards of a ring, or of a hash, have keys by their weight.
   *
   * @param strategy its name
   * @param weights all shards that it shall have, each with its weight, from 1
   */
  record Reweight(String strategy, Map<ShardId, Integer> weights) implements Intent {

    /**
     * Copies the map.
     *
     * @param strategy see {@link #strategy()}
     * @param weights see {@link #weights()}
     */
    public Reweight {
      weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    }
  }

  /**
   * Some slots of a hash lie on a shard.
   *
   * @param strategy its name
   * @param first the first slot, from 0
   * @param last the last slot
   * @param to the shard
   */
  record MoveSlots(String strategy, int first, int last, ShardId to) implements Intent {}

  /**
   * Some keys of a directory lie on a shard. Until the move is over the directory itself has them
   * where they were, and routers go by the topology.
   *
   * @param strategy the name of a strategy that is a directory
   * @param keys at most 1,000 keys that the directory has
   * @param to the shard
   */
  record MoveKeys(String strategy, List<ShardKey> keys, ShardId to) implements Intent {

    /**
     * Copies the list.
     *
     * @param strategy see {@link #strategy()}
     * @param keys see {@link #keys()}
     * @param to see {@link #to()}
     */
    public MoveKeys {
      keys = List.copyOf(keys);
    }
  }

  /**
   * The keys of a range lie on a shard. Ranges that it cuts are split there.
   *
   * @param strategy the name of a strategy by ranges
   * @param range the keys
   * @param to the shard
   */
  record MoveRange(String strategy, KeyRange range, ShardId to) implements Intent {}

  /**
   * A tenant lies on a shard of its own. Of a strategy by tenants it is the first part of keys;
   * otherwise the keys must have one part, and the strategy becomes one by tenants.
   *
   * @param strategy its name
   * @param tenant a key of one part, a text or an integer
   * @param to the shard
   */
  record Isolate(String strategy, ShardKey tenant, ShardId to) implements Intent {}

  /**
   * No row lies on a shard any more, so that it can be let go by {@link
   * io.shardflux.cluster.ClusterRouter#removeShard}. Each strategy that has it loses it, one job
   * after the other, and then the tables that are pinned to it go to the first heir.
   *
   * @param shard the shard
   * @param heirs the shards that its rows go to; if there are none given, each strategy's other
   *     shards, or all others of the cluster where it has no other
   */
  record RemoveShard(ShardId shard, List<ShardId> heirs) implements Intent {

    /**
     * Copies the list.
     *
     * @param shard see {@link #shard()}
     * @param heirs see {@link #heirs()}
     */
    public RemoveShard {
      heirs = List.copyOf(heirs);
    }
  }

  /**
   * Pinned tables lie on another shard. They move together.
   *
   * @param tables their names; all are pinned to one shard now
   * @param to the shard
   */
  record MoveTables(List<String> tables, ShardId to) implements Intent {

    /**
     * Copies the list.
     *
     * @param tables see {@link #tables()}
     * @param to see {@link #to()}
     */
    public MoveTables {
      tables = List.copyOf(tables);
    }
  }

  /**
   * Reference tables have a copy on one more shard. They are copied together.
   *
   * @param tables their names; the shard has none of them yet, and another shard has all
   * @param to the shard
   */
  record CopyReference(List<String> tables, ShardId to) implements Intent {

    /**
     * Copies the list.
     *
     * @param tables see {@link #tables()}
     * @param to see {@link #to()}
     */
    public CopyReference {
      tables = List.copyOf(tables);
    }
  }

  /**
   * Pinned tables are sharded. They move together, so that their joins stay on one shard.
   *
   * @param tables their rules afterwards, all of one strategy; all are pinned to one shard now
   * @param next that strategy. If there is one of that name already, it must route as this one does
   */
  record ShardTables(List<TableRule.Sharded> tables, ShardingStrategy next) implements Intent {

    /**
     * Copies the list.
     *
     * @param tables see {@link #tables()}
     * @param next see {@link #next()}
     */
    public ShardTables {
      tables = List.copyOf(tables);
    }
  }
}
