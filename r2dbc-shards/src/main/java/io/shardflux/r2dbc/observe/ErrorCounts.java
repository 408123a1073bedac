package io.shardflux.r2dbc.observe;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.router.Internal;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Counts a server's failed statements by kind. */
@Internal
public final class ErrorCounts {

  /** The kind of an error, for statistics and meters. */
  public enum Kind {
    TIMEOUT,
    UNAVAILABLE,
    OVERLOADED,
    ROLLBACK,
    CONSTRAINT,
    GRAMMAR,
    PERMISSION,
    OTHER;

    static Kind of(Throwable error) {
      if (error instanceof ShardUnavailableException unavailable) {
        return unavailable.why() == ShardUnavailableException.Why.OVERLOADED
            ? OVERLOADED
            : UNAVAILABLE;
      }
      if (error instanceof R2dbcTimeoutException) {
        return TIMEOUT;
      }
      if (error instanceof R2dbcRollbackException) {
        return ROLLBACK;
      }
      if (error instanceof R2dbcDataIntegrityViolationException) {
        return CONSTRAINT;
      }
      if (error instanceof R2dbcBadGrammarException) {
        return GRAMMAR;
      }
      return error instanceof R2dbcPermissionDeniedException ? PERMISSION : OTHER;
    }

    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Map<Kind, LongAdder> counts = new ConcurrentHashMap<>();

  public void add(Throwable error) {
    counts.computeIfAbsent(Kind.of(error), kind -> new LongAdder()).increment();
  }

  public long count(Kind kind) {
    LongAdder count = counts.get(kind);
    return count == null ? 0 : count.sum();
  }

  /** Adds these to a sum by label. */
  public void addTo(Map<String, Long> sum) {
    counts.forEach((kind, count) -> sum.merge(kind.label(), count.sum(), Long::sum));
  }
}
