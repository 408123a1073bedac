package io.shardflux.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

/** The SQL file makes the same tables as the call. */
class ControlFileIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Path FILE = Path.of("..", "src", "sql", "control.sql");
  private static final ShardId SHARD = ShardId.of("control");

  @Test
  void makesWhatTheCallMakes() throws IOException {
    List<Database> databases = TestServers.shared().freshDatabases("control");
    Shard byFile = Shard.of(SHARD.value(), databases.get(0).r2dbcUrl());
    Shard byCall = Shard.of(SHARD.value(), databases.get(1).r2dbcUrl());
    run(byFile, Stream.of(Files.readString(FILE).split(";\n")).filter(s -> !s.isBlank()).toList());
    ControlTables tables = new ControlTables(byCall, Duration.ofSeconds(10));
    tables.create().block(BOUND);
    assertThat(definitions(byFile)).isEqualTo(definitions(byCall)).hasSize(5);
    ControlTables ofFile = new ControlTables(byFile, Duration.ofSeconds(10));
    assertThat(ofFile.head().block(BOUND)).extracting(ControlTables.Head::epoch).isEqualTo(0L);
    tables.close().block(BOUND);
    ofFile.close().block(BOUND);
  }

  private static void run(Shard server, List<String> statements) {
    ShardRouter router = ShardRouter.builder().shard(server).build();
    Flux.fromIterable(statements)
        .concatMap(sql -> router.on(SHARD).sql(sql).rowsUpdated())
        .blockLast(BOUND);
    router.close().block(BOUND);
  }

  private static Map<String, String> definitions(Shard server) {
    ShardRouter router = ShardRouter.builder().shard(server).build();
    Map<String, String> definitions = new TreeMap<>();
    router
        .on(SHARD)
        .sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
        .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
        .all()
        .concatMap(
            table ->
                router
                    .on(SHARD)
                    .sql("SHOW CREATE TABLE " + table)
                    .map((row, metadata) -> String.valueOf(row.get(1, String.class)))
                    .one()
                    .doOnNext(definition -> definitions.put(table, definition)))
        .blockLast(BOUND);
    router.close().block(BOUND);
    return definitions;
  }
}
