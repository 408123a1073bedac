package io.shardflux.driver.differential;

import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import java.util.function.UnaryOperator;

/** Ways to be wrong about rows that a write finds first, to see that a test notices. */
enum WriteMutation implements UnaryOperator<QueriedWrite> {
  ROW_TWICE {
    @Override
    Gather made(Gather gather) {
      return GatherMutation.ROW_TWICE.apply(gather);
    }
  },
  CONDITION_TURNED_ROUND {
    @Override
    Gather made(Gather gather) {
      return GatherMutation.CONDITION_TURNED_ROUND.apply(gather);
    }
  },
  UPDATES_LEFT_OUT {
    @Override
    ShardSql tail(ShardSql tail) {
      return tail.text().contains("DUPLICATE") ? new ShardSql("", List.of()) : tail;
    }
  },
  KEYS_CUT {
    @Override
    ShardSql keys(ShardSql keys) {
      return keys.text().contains(" LIMIT ")
          ? keys
          : new ShardSql(keys.text() + " LIMIT 2", keys.markers());
    }
  },
  FIRST_ROWS_NOT_THE_FIRST {
    @Override
    ShardSql keys(ShardSql keys) {
      return new ShardSql(keys.text().replace(" DESC LIMIT", " LIMIT"), keys.markers());
    }
  },
  KEYS_OF_OTHER_ROWS {
    @Override
    ShardSql keys(ShardSql keys) {
      return new ShardSql(keys.text().replace("NOT EXISTS", "EXISTS"), keys.markers());
    }
  };

  Gather made(Gather gather) {
    return gather;
  }

  ShardSql keys(ShardSql keys) {
    return keys;
  }

  ShardSql tail(ShardSql tail) {
    return tail;
  }

  @Override
  public QueriedWrite apply(QueriedWrite write) {
    QueriedWrite.Found found =
        write.found() instanceof QueriedWrite.Made made
            ? new QueriedWrite.Made(made(made.gather()))
            : new QueriedWrite.Keys(keys(((QueriedWrite.Keys) write.found()).sql()));
    return new QueriedWrite(found, write.head(), tail(write.tail()));
  }
}
