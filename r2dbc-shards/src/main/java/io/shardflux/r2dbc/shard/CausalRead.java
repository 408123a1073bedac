package io.shardflux.r2dbc.shard;

import io.r2dbc.spi.Readable;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.util.context.ContextView;

/**
 * What the reads of a subscription must see; a replica has some time to get there.
 *
 * @param patience the time for a replica
 * @param current whether the shards are still those of the token
 */
@Internal
public record CausalRead(CausalToken token, Duration patience, BooleanSupplier current) {

  /** What the reads of a subscription must see, or null. */
  static @Nullable CausalRead of(ContextView context) {
    return context.getOrDefault(CausalRead.class, null);
  }

  /** Gives the position of a primary, as far as its server tells one. */
  static Work<String> position(Work.Terms terms) {
    return asking(
        "position of a causal token",
        terms,
        dialect ->
            dialect == Dialect.MARIADB
                ? "SELECT @@GLOBAL.gtid_binlog_pos"
                : "SELECT IF(@@GLOBAL.gtid_mode = 'ON', @@GLOBAL.gtid_executed, '')",
        row -> Objects.requireNonNullElse(row.get(0, String.class), "").replaceAll("\\s", ""));
  }

  /** Tells whether a replica gets to a position in time. */
  static Work<Boolean> reaches(String position, Duration wait, Work.Terms terms) {
    String seconds = Math.max(1, wait.toMillis()) + " / 1000";
    return asking(
        "wait for a causal token",
        terms,
        dialect ->
            (dialect == Dialect.MARIADB
                    ? "SELECT MASTER_GTID_WAIT('"
                    : "SELECT WAIT_FOR_EXECUTED_GTID_SET('")
                + position
                + "', "
                + seconds
                + ")",
        row -> Integer.valueOf(0).equals(row.get(0, Integer.class)));
  }

  private static <T> Work<T> asking(
      String what, Work.Terms terms, Function<Dialect, String> sql, Function<Readable, T> answer) {
    return new Work<>(
        what,
        true,
        Set.of(),
        terms,
        (connection, dialect) ->
            Flux.from(connection.createStatement(sql.apply(dialect)).execute())
                .concatMap(result -> result.map(answer)));
  }
}
