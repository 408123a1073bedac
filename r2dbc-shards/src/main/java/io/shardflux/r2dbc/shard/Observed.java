package io.shardflux.r2dbc.shard;

import static io.shardflux.r2dbc.observe.ShardObservation.Detail.ROWS;
import static io.shardflux.r2dbc.observe.ShardObservation.Detail.SERVER;
import static io.shardflux.r2dbc.observe.ShardObservation.Tag.OPERATION;
import static io.shardflux.r2dbc.observe.ShardObservation.Tag.OUTCOME;
import static io.shardflux.r2dbc.observe.ShardObservation.Tag.ROLE;
import static io.shardflux.r2dbc.observe.ShardObservation.Tag.SHARD;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.observe.Outcome;
import io.shardflux.r2dbc.observe.ShardObservation;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.router.Internal;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.SignalType;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * One {@link ShardObservation#STATEMENT}, or nothing if there is no handler. A handler that throws
 * is logged and costs no statement.
 */
@Internal
public final class Observed {

  /** Micrometer's {@code ObservationThreadLocalAccessor.KEY}, of a class that needs more. */
  public static final String PARENT = "micrometer.observation";

  static final Observed NONE = new Observed(Observation.NOOP);

  private static final Logger log = LoggerFactory.getLogger(Observed.class);

  private final Observation observation;

  private Observed(Observation observation) {
    this.observation = observation;
  }

  /** Begins; asked with each statement, as handlers may come later than the router. */
  static Observed start(
      ObservationRegistry registry,
      Server server,
      String operation,
      @Nullable String statement,
      ContextView context) {
    if (registry.isNoop()) {
      return NONE;
    }
    try {
      Observation observation = ShardObservation.STATEMENT.observation(registry);
      if (observation.isNoop()) {
        return NONE;
      }
      describe(observation, server, operation, statement);
      context.<Observation>getOrEmpty(PARENT).ifPresent(observation::parentObservation);
      return new Observed(observation.start());
    } catch (RuntimeException e) {
      log.warn("an observation could not begin: {}", e.toString());
      return NONE;
    }
  }

  private static void describe(
      Observation observation, Server server, String operation, @Nullable String statement) {
    observation
        .contextualName(operation + " " + server.shard())
        .lowCardinalityKeyValue(SHARD.withValue(server.shard().value()))
        .lowCardinalityKeyValue(ROLE.withValue(server.role()))
        .lowCardinalityKeyValue(OPERATION.withValue(operation))
        .highCardinalityKeyValue(SERVER.withValue(server.address()));
    if (statement != null) {
      observation.highCardinalityKeyValue(
          ShardObservation.Detail.STATEMENT.withValue(ShardTimeoutException.shortened(statement)));
    }
  }

  /** A context with only the parent that another context has. */
  public static Context parentOf(ContextView context) {
    return context
        .getOrEmpty(PARENT)
        .map(parent -> Context.of(PARENT, parent))
        .orElseGet(Context::empty);
  }

  /** The context of what runs below it. */
  Context in(Context context) {
    return observation.isNoop() ? context : context.put(PARENT, observation);
  }

  void ended(long rows, @Nullable Throwable error, boolean cancelled) {
    if (!observation.isNoop()) {
      observation.highCardinalityKeyValue(ROWS.withValue(Long.toString(rows)));
      ended(error, cancelled);
    }
  }

  private void ended(@Nullable Throwable error, boolean cancelled) {
    try {
      observation.lowCardinalityKeyValue(OUTCOME.withValue(Outcome.of(error, cancelled)));
      if (error != null) {
        observation.error(error);
      }
      observation.stop();
    } catch (RuntimeException e) {
      log.warn("an observation could not end: {}", e.toString());
    }
  }

  /** The work on a lent connection, observed. */
  static <T> Flux<T> lending(
      Flux<T> work, ObservationRegistry registry, Server server, String operation) {
    if (registry.isNoop()) {
      return work;
    }
    return Flux.deferContextual(
        context -> {
          Observed observed = start(registry, server, operation, null, context);
          AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
          return work.contextWrite(observed::in)
              .doOnError(failure::set)
              .doFinally(end -> observed.ended(failure.get(), end == SignalType.CANCEL));
        });
  }
}
