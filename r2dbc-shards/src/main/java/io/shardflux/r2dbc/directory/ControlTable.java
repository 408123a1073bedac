package io.shardflux.r2dbc.directory;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.function.Function;
import java.util.regex.Pattern;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A table of the library's own on a server, and the way of its statements there: a pool of
 * connections, and times that each statement is held to. Connects to nothing before its first use.
 */
@Internal
public final class ControlTable {

  private static final Duration DRAIN_TIME = Duration.ofSeconds(30);
  public static final Pattern NAME = Pattern.compile("[A-Za-z0-9_]{1,64}");

  private final Shard server;
  private final String name;
  private final Timeouts timeouts;
  private final ShardServers servers;

  /**
   * Checks the table's name.
   *
   * @param what the table's purpose, for the error
   */
  public ControlTable(Shard server, String what, String name, Timeouts timeouts) {
    check(NAME, what, name, "letters, digits or '_'");
    this.server = server;
    this.name = name;
    this.timeouts = timeouts;
    this.servers = new ShardServers(server, RouterOptions.defaults().with(timeouts), event -> {});
  }

  Shard server() {
    return server;
  }

  String name() {
    return name;
  }

  /** A statement with the table's name, quoted, in place of <code>{table}</code>. */
  public SqlTemplate sql(String text) {
    return SqlTemplate.of(text.replace("{table}", "`" + name + "`"));
  }

  public static BoundStatement bound(SqlTemplate sql, Object... values) {
    Binds binds = Binds.NONE;
    for (int i = 0; i < values.length; i++) {
      binds = binds.with(sql, Integer.toString(i), values[i]);
    }
    return BoundStatement.of(sql, binds);
  }

  /** The results of a statement, and of any statements behind it, on one connection. */
  public <T> Flux<T> run(SqlTemplate sql, Function<Connection, Flux<T>> execution) {
    Work<T> work =
        Work.of(sql, Work.Terms.of(timeouts), (connection, dialect) -> execution.apply(connection));
    return Flux.using(this::entered, entered -> entered.run(work), ShardServers::leave);
  }

  /** The number of rows that a statement changes. */
  public Mono<Long> update(SqlTemplate sql, Object... values) {
    BoundStatement statement = bound(sql, values);
    return run(sql, connection -> statement.rowsUpdated(connection)).single();
  }

  /** Closes the pool as {@link ShardServers#close} does. */
  public Mono<Void> close() {
    return servers.close(DRAIN_TIME);
  }

  /** Its name and server, without credentials. */
  @Override
  public String toString() {
    return name + " on " + server;
  }

  private ShardServers entered() {
    try {
      servers.enter();
    } catch (PoolClosingException closing) {
      throw closing.asUnavailable();
    }
    return servers;
  }

  static void check(Pattern pattern, String what, String name, String characters) {
    if (!pattern.matcher(name).matches()) {
      throw new IllegalArgumentException(
          what + ": " + name + " (expected: 1 to 64 " + characters + ")");
    }
  }
}
