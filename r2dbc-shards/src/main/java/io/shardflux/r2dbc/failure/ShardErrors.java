package io.shardflux.r2dbc.failure;

import io.netty.channel.ConnectTimeoutException;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.r2dbc.failure.ShardUnavailableException.Why;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import reactor.pool.PoolAcquirePendingLimitException;
import reactor.pool.PoolShutdownException;

/**
 * Puts the shard's name into what its server, driver or pool reports, and keeps the error's R2DBC
 * category.
 */
@Internal
public final class ShardErrors {

  /** A client's own code for a lost connection, which no server sends: CR_SERVER_LOST. */
  public static final int CONNECTION_LOST = 2013;

  /** MySQL's ER_QUERY_TIMEOUT and MariaDB's ER_STATEMENT_TIMEOUT. */
  private static final Set<Integer> STATEMENT_TIMEOUTS = Set.of(3024, 1969);

  /**
   * The last errors that a server sends on a connection that it ends: ER_SERVER_SHUTDOWN, MariaDB's
   * ER_CONNECTION_KILLED, MySQL's ER_SESSION_WAS_KILLED and ER_CLIENT_INTERACTION_TIMEOUT; and the
   * code that stands for a connection that ended without an error.
   */
  private static final Set<Integer> LAST_WORDS = Set.of(1053, 1927, 3169, 4031, CONNECTION_LOST);

  /**
   * The driver's message, not an R2DBC error, to a statement that waits on a connection that is
   * cut.
   */
  private static final String QUEUE_DISPOSED = "Request queue was disposed";

  /** ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS and ER_USER_LIMIT_REACHED. */
  private static final Set<Integer> TOO_MANY_CONNECTIONS = Set.of(1040, 1203, 1226);

  /** ER_BAD_DB_ERROR. */
  private static final int NO_DATABASE = 1049;

  /** Errors about its tables where a database is gone: ER_NO_SUCH_TABLE and ER_NO_DB_ERROR. */
  private static final Set<Integer> NOTHING_THERE = Set.of(1046, NO_DATABASE, 1146);

  private static final int QUERY_INTERRUPTED = 1317;

  /** ER_ERROR_DURING_COMMIT, and ER_RUN_HOOK_ERROR, which may come behind a commit. */
  private static final Set<Integer> COMMITTING = Set.of(1180, 3100);

  /**
   * Errors that one row of several can cause. They are known by their codes, because the driver
   * does not pass on every SQLSTATE: duplicates (1022, 1062, 1169, 1586, 1859), NULL (1048),
   * foreign keys (1216, 1217, 1451, 1452, 1557), more than a row where one is wanted (1172, 1242),
   * values out of range, cut off, or not of the type (1264, 1265, 1292, 1300, 1365, 1366, 1367,
   * 1406, 1411, 1416, 1441, 1690, 3140 to 3158, 3616, 3617, 3643, 3751, 3903), rows too large (139,
   * 1118), partitions (1526, 1591, 1748), checks of MySQL (3819) and MariaDB (4025), and a
   * trigger's signal (1644).
   */
  private static final Set<Integer> OF_ONE_ROW =
      Set.of(
          139, 1022, 1048, 1062, 1118, 1169, 1172, 1216, 1217, 1242, 1264, 1265, 1292, 1300, 1365,
          1366, 1367, 1406, 1411, 1416, 1441, 1451, 1452, 1526, 1557, 1586, 1591, 1644, 1690, 1748,
          1859, 3140, 3141, 3144, 3146, 3148, 3150, 3156, 3157, 3158, 3616, 3617, 3643, 3751, 3819,
          3903, 4025);

  private ShardErrors() {}

  public static Throwable named(ShardId shard, Throwable error) {
    if (error instanceof ShardTimeoutException
        || error instanceof ShardUnavailableException
        || error instanceof TopologyChangedException) {
      return error;
    }
    if (error instanceof IllegalStateException && QUEUE_DISPOSED.equals(error.getMessage())) {
      return lost(shard, "whether a write took place is not known", error);
    }
    // The driver's other errors all are R2DBC's; others are of what the caller does with the rows.
    if (!(error instanceof R2dbcException known)) {
      return error;
    }
    if (lostConnection(error) || LAST_WORDS.contains(known.getErrorCode())) {
      return lost(shard, "whether a write took place is not known", error);
    }
    if (known instanceof R2dbcTimeoutException late
        && STATEMENT_TIMEOUTS.contains(late.getErrorCode())) {
      return new ShardTimeoutException(shard, late);
    }
    if (TopologyChangedException.isFence(known)) {
      return TopologyChangedException.refused(shard, known);
    }
    R2dbcException named =
        isNamed(known) ? null : sameCategory(known, shard + ": " + known.getMessage());
    return named == null ? known : named;
  }

  /** Work with the connections of several shards meets an error at each of them. */
  private static boolean isNamed(R2dbcException error) {
    return error.getCause() instanceof R2dbcException own
        && String.valueOf(error.getMessage()).endsWith(": " + own.getMessage());
  }

  /** The error of a connection that was lost under a transaction before its commit had begun. */
  public static Throwable lostInTransaction(ShardId shard, Throwable error) {
    return lost(shard, "the transaction on it is rolled back", error);
  }

  private static Throwable lost(ShardId shard, String outcome, Throwable error) {
    return new ShardUnavailableException(
        shard, Why.LOST, "connection lost (expected: an answer; " + outcome + ")", error);
  }

  /** The error where there was no connection, unless it is the server's own answer. */
  public static Throwable notAcquired(Server server, PoolOptions bounds, Throwable error) {
    ShardId shard = server.shard();
    if (error instanceof ShardUnavailableException) {
      return error;
    }
    if (rooted(error, PoolAcquirePendingLimitException.class) != null) {
      return new ShardUnavailableException(
          shard,
          Why.OVERLOADED,
          "overloaded, "
              + bounds.maxPending()
              + " callers wait for a connection"
              + " (expected: fewer; raise pool.max-size or pool.max-pending, or ask less)",
          error);
    }
    if (rooted(error, PoolShutdownException.class) != null) {
      return new PoolClosingException(shard).asUnavailable();
    }
    if (noRoom(error)) {
      return new ShardUnavailableException(
          shard,
          Why.NO_ROOM,
          "no connection, the server has too many (expected: room for pool.max-size and two more;"
              + " raise its max_connections or lower pool.max-size)",
          error);
    }
    SSLException refused = rooted(error, SSLException.class);
    if (refused != null) {
      return new ShardUnavailableException(
          shard,
          Why.NOT_CONNECTED,
          "no TLS with "
              + server.host()
              + ":"
              + server.port()
              + ", "
              + refused.getMessage()
              + " (expected: certificates and versions that both sides accept)",
          error);
    }
    if (timedOut(error) || rooted(error, ConnectTimeoutException.class) != null) {
      return new ShardUnavailableException(
          shard,
          Why.NOT_CONNECTED,
          "no connection to "
              + server.address()
              + " in time (expected: a server that answers; raise pool.connect-timeout, "
              + bounds.connectTimeout().toMillis()
              + " ms, where it or this machine is slow)",
          error);
    }
    return lostConnection(error)
        ? new ShardUnavailableException(
            shard,
            Why.NOT_CONNECTED,
            "no connection to "
                + server.address()
                + " (expected: a server that listens and answers)",
            error)
        : error;
  }

  /** The error where there was no place among the streams. */
  public static Throwable noStream(Server server, PoolOptions bounds, Throwable error) {
    if (rooted(error, PoolShutdownException.class) != null) {
      return new PoolClosingException(server.shard()).asUnavailable();
    }
    return rooted(error, PoolAcquirePendingLimitException.class) == null
        ? error
        : new ShardUnavailableException(
            server.shard(),
            Why.OVERLOADED,
            "overloaded, "
                + bounds.maxPending()
                + " streams wait for a place (expected: fewer; raise pool.streams, read faster, or"
                + " ask less)",
            error);
  }

  /** Tells whether the error is one of opening a connection, and not a pool's own. */
  public static boolean opening(Throwable error) {
    return !(error instanceof ShardUnavailableException)
        && rooted(error, PoolAcquirePendingLimitException.class) == null
        && rooted(error, PoolShutdownException.class) == null;
  }

  /** Tells whether a statement's error may speak against its server. */
  public static boolean outage(Throwable error) {
    return lost(error)
        || (error instanceof ShardTimeoutException late && !late.acquiring() && !answered(late));
  }

  /** Tells whether the error is another shard's, which work on a lent connection may have asked. */
  public static boolean elsewhere(ShardId shard, Throwable error) {
    return (error instanceof ShardUnavailableException unavailable
            && !unavailable.shard().equals(shard))
        || (error instanceof ShardTimeoutException late && !late.shard().equals(shard));
  }

  /** Tells whether the server answered, if only to refuse. */
  public static boolean answered(Throwable error) {
    return error instanceof R2dbcException said
        && said.getErrorCode() != 0
        && said.getErrorCode() != CONNECTION_LOST;
  }

  /** Tells whether the server refused a write by an answer, so that nothing of it is stored. */
  public static boolean refusedWrite(Throwable error) {
    return answered(error)
        && !(error instanceof R2dbcException said && COMMITTING.contains(said.getErrorCode()));
  }

  /** Tells whether one row alone may be the reason why the server refused several. */
  public static boolean ofOneRow(Throwable error) {
    return error instanceof R2dbcException said && OF_ONE_ROW.contains(said.getErrorCode());
  }

  /** Tells whether a read may succeed when it is sent once more. */
  public static boolean passing(Throwable error) {
    if (error instanceof ShardUnavailableException unavailable) {
      return unavailable.why() != Why.OVERLOADED;
    }
    // An operator who ended a statement by hand does not want to see it again.
    return error instanceof R2dbcRollbackException
        || (error instanceof R2dbcTransientResourceException passing
            && passing.getErrorCode() != QUERY_INTERRUPTED);
  }

  /** The error without the statement, for an event or a log of the shard. */
  public static String brief(Throwable error) {
    String message = String.valueOf(error.getMessage());
    int statement = message.lastIndexOf(" in: ");
    return error instanceof ShardTimeoutException && statement >= 0
        ? message.substring(0, message.indexOf(" in: "))
        : error.toString();
  }

  /** Tells whether a statement lost its connection. */
  public static boolean lost(Throwable error) {
    return error instanceof ShardUnavailableException unavailable && unavailable.why() == Why.LOST;
  }

  /** Tells whether no server was burdened with the statement that failed so. */
  public static boolean unsent(Throwable error) {
    return error instanceof ShardUnavailableException unavailable
        && (unavailable.why() == Why.NOT_CONNECTED || unavailable.why() == Why.NOT_ASKED);
  }

  /** Tells whether the server has no room for another connection. */
  public static boolean noRoom(Throwable error) {
    R2dbcException said = rooted(error, R2dbcException.class);
    return said != null && TOO_MANY_CONNECTIONS.contains(said.getErrorCode());
  }

  /**
   * Tells whether the server answered that it lets no connection in, for another reason than room.
   */
  public static boolean refused(Throwable error) {
    R2dbcException said = rooted(error, R2dbcException.class);
    return said != null && answered(said) && !noRoom(error);
  }

  /** Tells whether the server refused the login, for which it may lock an account or a host. */
  public static boolean refusedLogin(Throwable error) {
    return refused(error) && !noDatabase(error);
  }

  /** Tells whether a connection could not be opened because its database is not there. */
  public static boolean noDatabase(Throwable error) {
    R2dbcException said = rooted(error, R2dbcException.class);
    return said != null && said.getErrorCode() == NO_DATABASE;
  }

  /** Tells whether a statement's error may come of a database that is gone. */
  public static boolean nothingThere(Throwable error) {
    return error instanceof R2dbcException said && NOTHING_THERE.contains(said.getErrorCode());
  }

  /** Tells whether opening a connection took too long; a statement's own timeout has a code. */
  private static boolean timedOut(Throwable error) {
    return error instanceof TimeoutException
        || (error instanceof R2dbcTimeoutException late && late.getErrorCode() == 0);
  }

  private static boolean lostConnection(Throwable error) {
    return rooted(error, IOException.class) != null
        || rooted(error, ClosedChannelException.class) != null
        || (error instanceof R2dbcNonTransientResourceException resource && !answered(resource));
  }

  private static <E extends Throwable> @Nullable E rooted(Throwable error, Class<E> type) {
    Throwable cause = error;
    for (int depth = 0; cause != null && depth < 16; depth++, cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return type.cast(cause);
      }
    }
    return null;
  }

  /** An error of the same category that says more. */
  public static R2dbcException like(R2dbcException error, String message) {
    return like(error, message, error);
  }

  /** An error of the same category in place of one that must not be told. */
  public static R2dbcException inPlaceOf(R2dbcException error, String message) {
    return like(error, message, null);
  }

  private static R2dbcException like(
      R2dbcException error, String message, @Nullable Throwable cause) {
    R2dbcException same = sameCategory(error, message, cause);
    if (same != null) {
      return same;
    }
    String state = error.getSqlState();
    int code = error.getErrorCode();
    return error instanceof R2dbcTransientException
        ? new R2dbcTransientResourceException(message, state, code, error.getSql(), cause)
        : new R2dbcNonTransientResourceException(message, state, code, error.getSql(), cause);
  }

  /**
   * The errors of some of the shards asked as one: the only one as it is, or one of a category that
   * all of them allow, with each of them suppressed.
   *
   * @param errors at least one, the first that came first
   */
  public static Throwable together(Map<ShardId, Throwable> errors, int asked) {
    Throwable first = errors.values().iterator().next();
    if (errors.size() == 1 || !(first instanceof R2dbcException known)) {
      return first;
    }
    R2dbcException all =
        together(
            known,
            errors.values(),
            "shards: " + errors.keySet() + " of " + asked + " failed; " + first.getMessage());
    errors.values().forEach(all::addSuppressed);
    return all;
  }

  private static R2dbcException together(
      R2dbcException first, Collection<Throwable> errors, String message) {
    String state = first.getSqlState();
    int code = first.getErrorCode();
    if (errors.stream().allMatch(R2dbcTransientException.class::isInstance)) {
      return new R2dbcTransientResourceException(message, state, code, first.getSql());
    }
    return errors.stream().allMatch(R2dbcBadGrammarException.class::isInstance)
        ? new R2dbcBadGrammarException(message, state, code, first.getSql())
        : new R2dbcNonTransientResourceException(message, state, code, first.getSql());
  }

  /** Null where R2DBC has no name for its category. */
  private static @Nullable R2dbcException sameCategory(R2dbcException error, String message) {
    return sameCategory(error, message, error);
  }

  private static @Nullable R2dbcException sameCategory(
      R2dbcException error, String message, @Nullable Throwable cause) {
    String state = error.getSqlState();
    int code = error.getErrorCode();
    String sql = error.getSql();
    if (error instanceof R2dbcBadGrammarException) {
      return new R2dbcBadGrammarException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcDataIntegrityViolationException) {
      return new R2dbcDataIntegrityViolationException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcPermissionDeniedException) {
      return new R2dbcPermissionDeniedException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcRollbackException) {
      return new R2dbcRollbackException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcTimeoutException) {
      return new R2dbcTimeoutException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcTransientResourceException) {
      return new R2dbcTransientResourceException(message, state, code, sql, cause);
    }
    if (error instanceof R2dbcNonTransientResourceException) {
      return new R2dbcNonTransientResourceException(message, state, code, sql, cause);
    }
    return null;
  }
}
