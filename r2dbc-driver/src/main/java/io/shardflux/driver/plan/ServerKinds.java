package io.shardflux.driver.plan;

import io.shardflux.router.Internal;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/**
 * How the servers of open connections take temporary tables, which a session keeps as it was
 * opened. Thread-safe.
 */
@Internal
public final class ServerKinds {

  private final Map<Object, ServerKind> known = Collections.synchronizedMap(new WeakHashMap<>());

  ServerKinds() {}

  /**
   * The kind of a connection's server, which is asked once.
   *
   * @param asked asks the server
   */
  public Mono<ServerKind> of(Object connection, Supplier<Mono<ServerKind>> asked) {
    return Mono.defer(
        () -> {
          ServerKind kind = known.get(connection);
          return kind == null
              ? asked.get().doOnNext(told -> known.put(connection, told))
              : Mono.just(kind);
        });
  }
}
