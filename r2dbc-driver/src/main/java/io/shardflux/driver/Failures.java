package io.shardflux.driver;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The failed shards of one statement. The first failure is told a moment later, so that those of
 * the other shards, which often are of the same cause, are told with it.
 */
final class Failures {

  private static final Duration MOMENT = Duration.ofMillis(100);

  private final Tolerance tolerance;
  private final int shards;
  private final Map<ShardId, Throwable> failures = new LinkedHashMap<>();
  private final AtomicBoolean outdated = new AtomicBoolean();

  Failures(Tolerance tolerance, int shards) {
    this.tolerance = tolerance;
    this.shards = shards;
  }

  /** A shard's rows, whose failure is one of these. */
  <T> Flux<T> watched(ShardId shard, Flux<T> rows) {
    return rows.onErrorResume(error -> failed(shard, error));
  }

  private <T> Flux<T> failed(ShardId shard, Throwable error) {
    if (error instanceof OutdatedColumnsException) {
      // The shard is well; the statement is to begin anew, as one shard is enough to tell.
      return outdated.compareAndSet(false, true) ? Flux.error(error) : Flux.never();
    }
    int count = add(shard, error);
    if (count == shards) {
      return Flux.error(whole());
    }
    if (tolerance == Tolerance.PARTIAL) {
      return Flux.empty();
    }
    return count == 1 ? Mono.delay(MOMENT).flatMapMany(tick -> Flux.error(whole())) : Flux.never();
  }

  /** What an answer ends with that lacks some shards' rows, by permission. */
  <T> Mono<T> tag() {
    return Mono.defer(
        () -> {
          Map<ShardId, Throwable> missing = errors();
          return tolerance == Tolerance.PARTIAL && !missing.isEmpty()
              ? Mono.error(new MissingShardsException(missing, shards))
              : Mono.empty();
        });
  }

  /** The errors so far, the first one first. */
  synchronized Map<ShardId, Throwable> errors() {
    return new LinkedHashMap<>(failures);
  }

  private synchronized int add(ShardId shard, Throwable error) {
    failures.put(shard, error);
    return failures.size();
  }

  /** The one failure as it is, or one for them all. */
  private synchronized Throwable whole() {
    List<Throwable> errors = List.copyOf(failures.values());
    Throwable first = errors.get(0);
    if (errors.size() == 1 || !(first instanceof R2dbcException known)) {
      return first;
    }
    R2dbcException all = together(known, errors);
    errors.forEach(all::addSuppressed);
    return all;
  }

  private R2dbcException together(R2dbcException first, List<Throwable> errors) {
    String message =
        "shards: " + failures.keySet() + " of " + shards + " failed; " + first.getMessage();
    if (errors.stream().allMatch(R2dbcTransientException.class::isInstance)) {
      return new R2dbcTransientResourceException(
          message, first.getSqlState(), first.getErrorCode(), first.getSql());
    }
    if (errors.stream().allMatch(R2dbcBadGrammarException.class::isInstance)) {
      return new R2dbcBadGrammarException(
          message, first.getSqlState(), first.getErrorCode(), first.getSql());
    }
    return new R2dbcNonTransientResourceException(
        message, first.getSqlState(), first.getErrorCode(), first.getSql());
  }

  /** An error of the same kind that says more. */
  static R2dbcException like(R2dbcException error, String message) {
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
    return error instanceof R2dbcTransientException
        ? new R2dbcTransientResourceException(message, state, code, sql, error)
        : new R2dbcNonTransientResourceException(message, state, code, sql, error);
  }
}
