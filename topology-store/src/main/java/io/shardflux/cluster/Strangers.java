package io.shardflux.cluster;

import io.shardflux.r2dbc.settings.ProcessConnections;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Looks for connections to a server that no router has. A router tells its connections with its
 * lease, so that one which it opened a moment ago is in a later report. What a router writes may
 * have been read a moment before it was written: only its second report from now on counts as one
 * that must have all.
 */
final class Strangers {

  private static final Duration GAP = Duration.ofMillis(200);
  private static final int REPORTS = 2;

  private final ControlTables tables;
  private final String server;

  Strangers(ControlTables tables, String server) {
    this.tables = tables;
    this.server = server;
  }

  /** Empty if a router does not tell its connections. */
  Mono<Set<Long>> of(Set<Long> ids, Duration bound) {
    return Mono.defer(
        () -> {
          Search search = new Search(ids, System.nanoTime() + bound.toNanos());
          return tables
              .routers()
              .collectList()
              .filter(search::isOver)
              .repeatWhenEmpty(looks -> looks.delayElements(GAP))
              .flatMap(end -> Mono.justOrEmpty(search.found()));
        });
  }

  private final class Search {

    private final Set<Long> left;
    private final long end;
    private final Map<UUID, Instant> seen = new HashMap<>();
    private final Map<UUID, Integer> reports = new HashMap<>();
    private boolean told = true;

    Search(Set<Long> ids, long end) {
      this.left = new HashSet<>(ids);
      this.end = end;
    }

    boolean isOver(List<RouterState> routers) {
      Set<Long> own = ProcessConnections.all().get(server);
      if (own != null) {
        left.removeAll(own);
      }
      routers.forEach(this::heard);
      return left.isEmpty()
          || !told
          || System.nanoTime() - end >= 0
          || routers.stream()
              .filter(RouterState::live)
              .allMatch(router -> reports.getOrDefault(router.id(), 0) >= REPORTS);
    }

    private void heard(RouterState router) {
      Set<Long> connections = StatisticsText.connections(router.statistics(), server);
      if (connections != null) {
        left.removeAll(connections);
      } else if (router.live()) {
        told = false;
      }
      Instant before = seen.put(router.id(), router.seenAt());
      if (before != null && before.isBefore(router.seenAt())) {
        reports.merge(router.id(), 1, Integer::sum);
      }
    }

    @Nullable Set<Long> found() {
      return left.isEmpty() || told ? left : null;
    }
  }
}
