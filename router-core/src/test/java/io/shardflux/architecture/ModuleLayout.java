package io.shardflux.architecture;

import java.util.List;

/**
 * The modules: the package of each, the packages below it in the order of use, and the packages
 * that it may use besides itself, Java and JSpecify.
 */
@SuppressWarnings("ImmutableEnumChecker")
public enum ModuleLayout {
  ROUTER_CORE(
      "io.shardflux.router",
      true,
      List.of(),
      List.of("reactor..", "org.reactivestreams..", "com.github.benmanes.caffeine.."),
      List.of()),

  SQL_PLANNER(
      "io.shardflux.sql",
      true,
      List.of(
          "statement",
          "merge",
          "syntax",
          "schema",
          "keys",
          "analysis",
          "scatter",
          "gather",
          "ahead",
          "prepare"),
      List.of("io.shardflux.router..", "com.github.benmanes.caffeine.."),
      List.of()),

  R2DBC_SHARDS(
      "io.shardflux.r2dbc",
      true,
      List.of(
          "settings",
          "failure",
          "observe",
          "statement",
          "scatter",
          "server",
          "shard",
          "live",
          "coalesce",
          "insert",
          "directory",
          "transaction",
          "atomic",
          "config",
          "ids",
          "spi"),
      List.of(
          "io.shardflux.router..",
          "io.r2dbc..",
          "reactor..",
          "org.reactivestreams..",
          "io.netty..",
          "javax.net.ssl..",
          "com.github.benmanes.caffeine..",
          "io.micrometer..",
          "org.HdrHistogram..",
          "io.github.resilience4j..",
          "org.apache.datasketches.frequencies..",
          "org.slf4j..",
          "org.yaml.snakeyaml..",
          // For the one message by which the driver is told that its connection is lost.
          "io.asyncer.r2dbc.mysql.message.server"),
      List.of("io.shardflux.router..", "io.shardflux.r2dbc.spi..")),

  TOPOLOGY_STORE(
      "io.shardflux.cluster",
      false,
      List.of(),
      List.of(
          "io.shardflux.router..",
          "io.shardflux.r2dbc..",
          "io.r2dbc.spi..",
          "reactor..",
          "org.reactivestreams..",
          "org.slf4j.."),
      List.of(
          "io.shardflux.router",
          "io.shardflux.r2dbc",
          // The document that routers share, and the router's topology that it becomes.
          "io.shardflux.r2dbc.config..",
          "io.shardflux.r2dbc.settings..")),

  RESHARDING(
      "io.shardflux.reshard",
      false,
      List.of("transfer", "plan", "progress", "watch", "job"),
      List.of(
          "io.shardflux.router..",
          "io.shardflux.r2dbc..",
          "io.shardflux.cluster..",
          "io.r2dbc.spi..",
          "reactor..",
          "org.reactivestreams..",
          "org.slf4j.."),
      List.of(
          "io.shardflux.router",
          "io.shardflux.r2dbc.config..",
          "io.shardflux.r2dbc.settings..",
          // How far a replica is behind.
          "io.shardflux.r2dbc.shard",
          // Where keys are, once they have moved.
          "io.shardflux.r2dbc.directory",
          "io.shardflux.cluster")),

  R2DBC_DRIVER(
      "io.shardflux.driver",
      true,
      List.of("failure", "row", "result", "catalog", "plan", "transaction", "scatter", "gather"),
      List.of(
          "io.shardflux.router..",
          "io.shardflux.r2dbc..",
          "io.shardflux.sql..",
          "io.r2dbc.spi..",
          "io.asyncer.r2dbc.mysql.constant..",
          "reactor..",
          "org.reactivestreams..",
          "org.slf4j.."),
      List.of(
          "io.shardflux.r2dbc.spi..",
          // The transactions that a connection's own are.
          "io.shardflux.r2dbc.atomic")),

  SPRING_BOOT_STARTER(
      "io.shardflux.spring",
      false,
      List.of("property", "lifecycle", "failure", "actuate"),
      List.of(
          "io.shardflux.router..",
          "io.shardflux.r2dbc..",
          // The hints of its scripts.
          "io.shardflux.sql.statement..",
          "io.shardflux.driver..",
          "io.shardflux.cluster..",
          "io.shardflux.reshard..",
          "io.r2dbc.spi..",
          "io.micrometer..",
          "org.springframework..",
          "reactor..",
          "org.slf4j.."),
      List.of()),

  WEBFLUX_API(
      "io.shardflux.api",
      false,
      List.of("failure", "wire", "request", "users", "client"),
      List.of(
          "io.shardflux.router..",
          "io.shardflux.r2dbc..",
          "io.shardflux.sql..",
          "io.shardflux.driver..",
          "io.shardflux.cluster..",
          "io.shardflux.reshard..",
          "io.shardflux.servers..",
          "io.r2dbc.spi..",
          "io.netty..",
          "org.springframework..",
          "reactor..",
          "org.reactivestreams..",
          "org.slf4j..",
          "tools.jackson..",
          "com.fasterxml.jackson.."),
      List.of());

  /** The package of the module. */
  final String root;

  /** True if statements go this way; the module must know nothing of code that changes shards. */
  final boolean dataPath;

  /** The packages below the root, the lowest first. */
  final List<String> rooms;

  /** The packages that it may use. */
  final List<String> uses;

  /** The packages that a module keeps for this one alone, or this one for another. */
  final List<String> offered;

  ModuleLayout(
      String root, boolean dataPath, List<String> rooms, List<String> uses, List<String> offered) {
    this.root = root;
    this.dataPath = dataPath;
    this.rooms = rooms;
    this.uses = uses;
    this.offered = offered;
  }
}
