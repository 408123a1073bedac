package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.settings.GatherOptions;
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
import org.jspecify.annotations.Nullable;

/**
 * A router as a document describes it.
 *
 * @param options the settings of all shards
 * @param hotKeys whether the keys that tables are asked for are counted
 * @param rowCounts the settings for counting tables' rows
 * @param scatterReads whether SQL that names no key may go to several shards
 * @param gathers how SQL is answered that needs rows of several shards on one server
 * @param coalescing the settings for joining reads of single keys
 * @param shards the shards, each with a name of its own
 * @param tables the rules, each of another table
 * @param strategies the strategies by name
 * @param directories the directories that the strategies ask; they must be closed with the router
 * @param control the place of a topology that several routers share, or null
 * @param resharding the settings for moves of rows
 * @param ids the place of the ids that the document describes, or null
 */
@Internal
public record RouterDefinition(
    RouterOptions options,
    boolean hotKeys,
    RowCountOptions rowCounts,
    ScatterReads scatterReads,
    GatherOptions gathers,
    CoalescingOptions coalescing,
    List<Shard> shards,
    List<TableRule> tables,
    Map<String, ShardingStrategy> strategies,
    List<TableDirectory> directories,
    @Nullable ControlOptions control,
    ReshardingOptions resharding,
    @Nullable IdSource ids) {

  /** Copies the collections, keeping their order. */
  public RouterDefinition {
    shards = List.copyOf(shards);
    tables = List.copyOf(tables);
    strategies = Collections.unmodifiableMap(new LinkedHashMap<>(strategies));
    directories = List.copyOf(directories);
  }
}
