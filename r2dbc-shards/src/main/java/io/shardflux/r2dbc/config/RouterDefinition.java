package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a document says of a router.
 *
 * @param options what holds for all shards
 * @param hotKeys whether the keys that tables are asked for are counted
 * @param rowCounts how tables' rows are counted
 * @param scatterReads whether SQL that names no key may go to several shards
 * @param coalescing how reads of single keys are joined
 * @param shards each with a name of its own
 * @param tables each of another table
 * @param strategies by name
 * @param directories those that the strategies ask, to be closed with the router
 */
@Internal
public record RouterDefinition(
    RouterOptions options,
    boolean hotKeys,
    RowCountOptions rowCounts,
    ScatterReads scatterReads,
    CoalescingOptions coalescing,
    List<Shard> shards,
    List<TableRule> tables,
    Map<String, ShardingStrategy> strategies,
    List<TableDirectory> directories) {

  /** Copies what it is given, keeping the order. */
  public RouterDefinition {
    shards = List.copyOf(shards);
    tables = List.copyOf(tables);
    strategies = Collections.unmodifiableMap(new LinkedHashMap<>(strategies));
    directories = List.copyOf(directories);
  }
}
