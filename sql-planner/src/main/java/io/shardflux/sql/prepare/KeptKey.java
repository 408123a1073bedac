package io.shardflux.sql.prepare;

import io.shardflux.router.ShardKey;
import io.shardflux.sql.keys.KeyCondition;
import io.shardflux.sql.keys.KeyRouter;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ValueRouter;
import io.shardflux.sql.syntax.Expr;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The values that a write gives to key columns of rows that are there, each of which must be the
 * value that the row has. Immutable.
 */
record KeptKey(List<Given> values) {

  /** A literal or a marker for a part of the key. */
  record Given(KeyPart part, Expr value) {}

  /** Tells whether a value is known once the statement's values are. */
  static boolean isKnown(@Nullable Expr value) {
    return value instanceof Expr.Marker
        || (value instanceof Expr.Literal literal && literal.isKeyValue());
  }

  static RefusedSqlException changed(KeyPart part) {
    return new RefusedSqlException(RefusalCode.KEY_UPDATE, part.toString());
  }

  /** The router of a write whose rows all have one key, or none. */
  ValueRouter of(ValueRouter router) {
    return values.isEmpty()
        ? router
        : binds -> {
          Routing routing = router.route(binds);
          if (routing instanceof Routing.Keys keys && keys.keys().size() == 1) {
            check(keys.keys().get(0), binds);
          } else if (!(routing instanceof Routing.Nowhere)) {
            throw changed(values.get(0).part());
          }
          return routing;
        };
  }

  /** Refuses values that are not those of a key. */
  void check(ShardKey key, Binds binds) {
    for (Given given : values) {
      KeyPart part = given.part();
      Object value = KeyCondition.value(given.value(), binds);
      if (value == null || !KeyRouter.stored(part, value).equals(key.part(part.index()))) {
        throw changed(part);
      }
    }
  }
}
