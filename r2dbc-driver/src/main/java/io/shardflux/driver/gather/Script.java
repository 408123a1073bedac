package io.shardflux.driver.gather;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.settings.Timeouts;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Statements without markers that a session is sent several at a time, in one round trip. A server
 * stops at the first error. Used by one thread at a time.
 */
final class Script {

  /** The characters that are sent at once, unless one statement has more. */
  private static final int CHUNK = 128 << 10;

  private final TableSession session;
  private final Supplier<Timeouts> left;
  private final List<Step> steps = new ArrayList<>();
  private int length;

  /**
   * A statement.
   *
   * @param told it without its values
   * @param told the error of this statement for the caller
   */
  private record Step(String sql, String told, Function<R2dbcException, Throwable> failed) {}

  Script(TableSession session, Supplier<Timeouts> left) {
    this.session = session;
    this.left = left;
  }

  /** Adds a statement, which runs with a later one. */
  void add(String sql, Function<R2dbcException, Throwable> failed) {
    steps.add(new Step(sql, sql, failed));
    length += sql.length();
  }

  /** Adds a statement; before that those are run that it would be too long with. */
  Mono<Void> with(String sql, String told, Function<R2dbcException, Throwable> failed) {
    Mono<Void> before =
        length > 0 && length + sql.length() > CHUNK ? Mono.defer(this::run) : Mono.empty();
    return before.then(
        Mono.fromRunnable(
            () -> {
              steps.add(new Step(sql, told, failed));
              length += sql.length();
            }));
  }

  /** Runs the statements that were added since it ran last. */
  Mono<Void> run() {
    if (steps.isEmpty()) {
      return Mono.empty();
    }
    List<Step> all = List.copyOf(steps);
    steps.clear();
    length = 0;
    AtomicInteger done = new AtomicInteger();
    return session
        .rows(
            String.join("; ", all.stream().map(Step::sql).toList()),
            String.join("; ", all.stream().map(Step::told).toList()),
            left.get(),
            result -> Flux.from(result.getRowsUpdated()).doOnComplete(done::incrementAndGet))
        .onErrorMap(
            R2dbcException.class,
            error -> all.get(Math.min(done.get(), all.size() - 1)).failed().apply(error))
        .then();
  }
}
