/**
 * One topology for many routers. The topology stands in a table of the control server; each router
 * polls its epoch, puts a later one in force, and says so in the registry. Nothing of this is asked
 * by a statement: a control server that is down stops no statement.
 *
 * <p>Start reading at {@link io.shardflux.cluster.ClusterRouter}. {@code ControlTables} has the SQL
 * of the control server and {@code IdentityTables} that of the shards. {@code ClusterStart} decides
 * what a router starts with, and {@code TopologyWatch} keeps it up to date. This package may use
 * the API of {@code io.shardflux.r2dbc} and what that, its {@code settings} and its {@code config}
 * have for it. No router's data path may use it.
 */
@NullMarked
package io.shardflux.cluster;

import org.jspecify.annotations.NullMarked;
