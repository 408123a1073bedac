package io.shardflux.r2dbc.server;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import io.shardflux.r2dbc.failure.ForeignDatabaseException;
import io.shardflux.r2dbc.settings.ProcessConnections;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.SharedTopology;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * The question that each new connection is asked first. Where the router shares its topology with
 * others, the answer must be that of the shard's own database.
 */
final class Identification {

  static final String COLUMNS =
      "CONNECTION_ID(), VERSION(), @@max_allowed_packet, " + ProcessConnections.SERVER;

  private static final int NO_SUCH_TABLE = 1146;
  private static final String EXPECTED =
      " (expected: the database of this cluster and shard; compare its URL with the others', or"
          + " publish the topology first, by control.publish: true)";

  private final String where;
  private final String shard;
  private final @Nullable SharedTopology shared;

  Identification(Server server) {
    this.where = server.toString();
    this.shard = server.shard().value();
    this.shared = server.shared();
  }

  String sql() {
    return shared == null
        ? "SELECT " + COLUMNS
        : "SELECT " + COLUMNS + ", cluster, shard, epoch FROM " + SharedTopology.IDENTITY;
  }

  /** Completes when the connection that gave the row may be used; errors if it must not be. */
  Mono<Void> check(Readable row) {
    if (shared == null) {
      return Mono.empty();
    }
    String cluster = Objects.requireNonNull(row.get(4, String.class));
    String name = Objects.requireNonNull(row.get(5, String.class));
    long epoch = Objects.requireNonNull(row.get(6, Long.class));
    return cluster.equals(shared.cluster()) && name.equals(shard)
        ? shared.seen(epoch)
        : Mono.error(foreign("of shard " + name + " of cluster " + cluster));
  }

  /** The error where the question was not answered as it must be. */
  Throwable refused(Throwable error) {
    boolean noTable = error instanceof R2dbcException said && said.getErrorCode() == NO_SUCH_TABLE;
    return shared != null && (noTable || error instanceof NoSuchElementException)
        ? foreign("of no cluster")
        : error;
  }

  private ForeignDatabaseException foreign(String whose) {
    String ours = shared == null ? "" : shared.cluster();
    return new ForeignDatabaseException(
        where + ": a database " + whose + EXPECTED + "; this is shard " + shard + " of " + ours);
  }
}
