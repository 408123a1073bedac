package io.shardflux.r2dbc;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.ShardId;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import reactor.pool.PoolAcquirePendingLimitException;
import reactor.pool.PoolShutdownException;

/**
 * Puts the shard's name into what its server, driver or pool reports, and keeps the error's R2DBC
 * category.
 */
final class ShardErrors {

  private ShardErrors() {}

  static Throwable named(ShardId shard, Throwable error) {
    if (error instanceof ShardTimeoutException || error instanceof ShardUnavailableException) {
      return error;
    }
    // The driver's errors all are R2DBC's; others are of what the caller does with the rows.
    if (!(error instanceof R2dbcException known)) {
      return error;
    }
    if (lostConnection(error)) {
      return new ShardUnavailableException(
          shard,
          "connection lost (expected: an answer; whether a write took place is not known)",
          error);
    }
    return sameCategory(shard, known);
  }

  /** What went wrong before there was a connection. */
  static Throwable notAcquired(Shard shard, PoolBounds bounds, Throwable error) {
    if (rooted(error, PoolAcquirePendingLimitException.class) != null) {
      return new ShardUnavailableException(
          shard.id(),
          "overloaded, "
              + bounds.maxPending()
              + " callers wait for a connection"
              + " (expected: fewer; raise pool.max-size or pool.max-pending, or ask less)",
          error);
    }
    if (rooted(error, PoolShutdownException.class) != null) {
      return new PoolClosingException(shard.id()).asUnavailable();
    }
    if (error instanceof R2dbcTimeoutException) {
      return new ShardTimeoutException(
          shard.id(),
          "no connection within "
              + bounds.acquireTimeout().toMillis()
              + " ms (expected: one; raise pool.max-size or pool.acquire-timeout, or ask less)",
          error);
    }
    SSLException refused = rooted(error, SSLException.class);
    if (refused != null) {
      return new ShardUnavailableException(
          shard.id(),
          "no TLS with "
              + shard.host()
              + ":"
              + shard.port()
              + ", "
              + refused.getMessage()
              + " (expected: certificates and versions that both sides accept)",
          error);
    }
    if (connectFailure(error)) {
      return new ShardUnavailableException(
          shard.id(),
          "no connection to "
              + shard.host()
              + ":"
              + shard.port()
              + " (expected: a server that listens)",
          error);
    }
    return named(shard.id(), error);
  }

  /** Whether the server can't be connected to, as against a refused login or a busy pool. */
  static boolean connectFailure(Throwable error) {
    return !(error instanceof R2dbcPermissionDeniedException)
        && rooted(error, PoolAcquirePendingLimitException.class) == null
        && (lostConnection(error) || error instanceof ShardUnavailableException);
  }

  private static boolean lostConnection(Throwable error) {
    return rooted(error, IOException.class) != null
        || rooted(error, ClosedChannelException.class) != null
        || (error instanceof R2dbcNonTransientResourceException resource
            && resource.getErrorCode() == 0);
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

  private static R2dbcException sameCategory(ShardId shard, R2dbcException error) {
    String message = shard + ": " + error.getMessage();
    String state = error.getSqlState();
    int code = error.getErrorCode();
    String sql = error.getSql();
    if (error instanceof R2dbcBadGrammarException) {
      return new R2dbcBadGrammarException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcDataIntegrityViolationException) {
      return new R2dbcDataIntegrityViolationException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcPermissionDeniedException) {
      return new R2dbcPermissionDeniedException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcRollbackException) {
      return new R2dbcRollbackException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcTimeoutException) {
      return new R2dbcTimeoutException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcTransientResourceException) {
      return new R2dbcTransientResourceException(message, state, code, sql, error);
    }
    if (error instanceof R2dbcNonTransientResourceException) {
      return new R2dbcNonTransientResourceException(message, state, code, sql, error);
    }
    return error;
  }
}
