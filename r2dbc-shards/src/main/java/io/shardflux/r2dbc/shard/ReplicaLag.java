package io.shardflux.r2dbc.shard;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.Row;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Says how far a replica lags behind its source, by its own report. A replica with several sources
 * lags as far as the worst of them. The reasons hold no account, no statement and no row, though
 * the server's own messages do.
 *
 * <p>A server tells only seconds, cut off and not rounded, and it counts what it has received. If a
 * source falls silent without closing the connection, the replica learns of it only after its
 * {@code replica_net_timeout}, 60 s by default.
 */
@Internal
public sealed interface ReplicaLag {

  /**
   * It receives changes and applies them.
   *
   * @param behind the age of the change that it applies now; zero if none waits
   */
  record Following(Duration behind) implements ReplicaLag {}

  /**
   * The replica applies what it has, and receives nothing: its source is down, or its receiver was
   * stopped. As long as the source takes no writes either, the replica is no further behind than
   * when it lost the source.
   */
  record Severed(String reason) implements ReplicaLag {}

  /** It applies nothing, is no replica, or won't say: nothing bounds the age of what it holds. */
  record Unknown(String reason) implements ReplicaLag {}

  /**
   * Asks the replica, on a connection that nothing else uses meanwhile. Takes as long as the server
   * does: while its replication is being stopped it does not answer, so the caller must bound it.
   * Errors only if the connection or the server does.
   */
  static Mono<ReplicaLag> of(Connection connection) {
    return Mono.defer(
        () -> {
          String version = connection.getMetadata().getDatabaseVersion();
          Dialect dialect = version.contains("MariaDB") ? Dialect.MARIADB : Dialect.MYSQL;
          return Flux.from(connection.createStatement(dialect.statement).execute())
              .concatMap(result -> result.map((row, metadata) -> dialect.source(row)))
              .collectList()
              .map(ReplicaLag::ofAll)
              .onErrorResume(
                  R2dbcPermissionDeniedException.class,
                  error -> Mono.just(new Unknown("privilege missing: " + dialect.privilege)))
              .onErrorResume(
                  R2dbcBadGrammarException.class,
                  error -> Mono.just(new Unknown("server too old to tell its lag: " + version)));
        });
  }

  /** The worst; of equals, the first. */
  static ReplicaLag ofAll(List<Source> sources) {
    return sources.stream()
        .map(Source::lag)
        .max(Comparator.comparing(ReplicaLag::rank).thenComparing(ReplicaLag::knownLag))
        .orElseGet(() -> new Unknown("not a replica"));
  }

  private static int rank(ReplicaLag lag) {
    return lag instanceof Following ? 0 : lag instanceof Severed ? 1 : 2;
  }

  private static Duration knownLag(ReplicaLag lag) {
    return lag instanceof Following following ? following.behind() : Duration.ZERO;
  }

  /**
   * A replica's report on one of its sources.
   *
   * @param receiver {@code Yes} if it is connected to the source, {@code No} if stopped; otherwise
   *     it is connecting
   * @param applier {@code Yes} or {@code No}
   * @param secondsBehind null if one of both is not at work; MySQL says 0 for a receiver that can't
   *     connect
   * @param receiverError the error that ended or hinders the receiver; 0 for none
   * @param applierError the error that ended the applier; 0 for none
   */
  record Source(
      String receiver,
      String applier,
      @Nullable Long secondsBehind,
      long receiverError,
      long applierError) {

    ReplicaLag lag() {
      if (!applier.equals("Yes")) {
        return new Unknown("applies nothing (applier: " + applier + because(applierError) + ")");
      }
      if (!receiver.equals("Yes")) {
        return new Severed(
            "receives nothing (receiver: " + receiver + because(receiverError) + ")");
      }
      return secondsBehind == null
          ? new Unknown("tells no lag")
          : new Following(Duration.ofSeconds(secondsBehind));
    }

    private static String because(long error) {
      return error == 0 ? "" : ", error " + error;
    }
  }

  /** The query for each kind of server, and its names for the answer. */
  enum Dialect {
    MYSQL("SHOW REPLICA STATUS", "Replica", "Source", "REPLICATION CLIENT"),
    // Without ALL it would tell of one source alone.
    MARIADB("SHOW ALL REPLICAS STATUS", "Slave", "Master", "REPLICA MONITOR");

    private final String statement;
    private final String replica;
    private final String source;
    private final String privilege;

    Dialect(String statement, String replica, String source, String privilege) {
      this.statement = statement;
      this.replica = replica;
      this.source = source;
      this.privilege = privilege;
    }

    private Source source(Row row) {
      return new Source(
          text(row, replica + "_IO_Running"),
          text(row, replica + "_SQL_Running"),
          row.get("Seconds_Behind_" + source, Long.class),
          number(row, "Last_IO_Errno"),
          number(row, "Last_SQL_Errno"));
    }

    private static String text(Row row, String column) {
      return Objects.requireNonNull(row.get(column, String.class), column);
    }

    private static long number(Row row, String column) {
      return Objects.requireNonNull(row.get(column, Long.class), column);
    }
  }
}
