/**
 * The YAML document that describes a router. Start at {@link RouterDocument}, then {@link
 * StrategyReader}. A topology that several routers share is the same in JSON: {@link
 * TopologyDocument}, which {@link TopologyAccess} puts in force. This package may use {@code
 * settings} and all that stands below {@code config}.
 */
@NullMarked
package io.shardflux.r2dbc.config;

import org.jspecify.annotations.NullMarked;
