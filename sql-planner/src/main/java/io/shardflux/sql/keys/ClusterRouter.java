package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ValueRouter;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Says what the clusters of a statement's tables touch, each on its own and together. */
@Internal
public record ClusterRouter(List<ValueRouter> routers) implements ValueRouter {

  private static final Routing ANYWHERE = new Routing.Anywhere();
  private static final Routing NOWHERE = new Routing.Nowhere();

  public static ValueRouter of(Colocation colocation, Schema schema) {
    List<ValueRouter> routers =
        colocation.clusters().stream().map(cluster -> of(cluster, colocation, schema)).toList();
    return routers.size() == 1 ? routers.get(0) : new ClusterRouter(routers);
  }

  private static ValueRouter of(List<Rows> cluster, Colocation colocation, Schema schema) {
    Rows first = cluster.get(0);
    if (first.pinned() != null) {
      Routing on = new Routing.On(first.pinned());
      return binds -> on;
    }
    return colocation.router(cluster, schema.shards(first.table()))::route;
  }

  @Override
  public Routing route(Binds binds) {
    if (routers.isEmpty()) {
      return ANYWHERE;
    }
    Set<Routing> parts = new LinkedHashSet<>();
    for (ValueRouter router : routers) {
      Routing part = router.route(binds);
      // A part that touches no row is answered alike on every shard.
      if (!(part instanceof Routing.Nowhere)) {
        parts.add(part);
      }
    }
    return parts.isEmpty()
        ? NOWHERE
        : parts.size() == 1 ? parts.iterator().next() : new Routing.Together(List.copyOf(parts));
  }
}
