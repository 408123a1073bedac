package io.shardflux.driver.differential;

import io.shardflux.sql.merge.Aggregate;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.Merge.Grouping;
import io.shardflux.sql.merge.Merge.Shape;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.merge.Plan.Part;
import io.shardflux.sql.merge.Plan.Scatter;
import io.shardflux.sql.merge.Plan.Writes;
import io.shardflux.sql.merge.SortKey;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Ways to be wrong about several shards, to see that a test notices. */
enum MergeMutation implements UnaryOperator<Plan> {
  OFFSET_DROPPED {
    @Override
    Merge merge(Merge merge) {
      return new Merge(merge.shape(), merge.binds(), 0, merge.limit(), MAX_ROWS);
    }
  },
  OFFSET_ON_EACH_SHARD {
    @Override
    Merge merge(Merge merge) {
      return OFFSET_DROPPED.merge(merge);
    }

    @Override
    String sql(String sql, Merge merge) {
      return merge.offset() > 0 && LIMITED.matcher(sql).find()
          ? sql + " OFFSET " + merge.offset()
          : sql;
    }
  },
  LIMIT_DROPPED {
    @Override
    Merge merge(Merge merge) {
      return new Merge(merge.shape(), merge.binds(), merge.offset(), Merge.ALL, MAX_ROWS);
    }
  },
  NULLS_LAST {
    @Override
    String sql(String sql, Merge merge) {
      return merge.shape().grouping() == null
          ? sql.replaceFirst(" ORDER BY ([a-z]+[.][a-z_]+)(?=,| |$)", " ORDER BY $1 IS NULL, $1")
          : sql;
    }
  },
  DESCENDING_FORGOTTEN {
    @Override
    Shape shape(Shape shape) {
      return with(
          shape,
          shape.order().stream()
              .map(key -> new SortKey(key.value(), key.padding(), false))
              .toList());
    }
  },
  PADDING_FORGOTTEN {
    @Override
    Grouping grouping(Grouping grouping) {
      return keyed(
          grouping,
          grouping.keys().stream()
              .map(key -> new SortKey(key.value(), SortKey.NONE, key.descending()))
              .toList());
    }
  },
  DISTINCT_NOT_APPLIED {
    @Override
    Shape shape(Shape shape) {
      Grouping grouping = shape.grouping();
      boolean distinct = grouping != null && grouping.aggregates().isEmpty() && !grouping.whole();
      return distinct ? with(shape, (Grouping) null) : shape;
    }
  },
  HAVING_NOT_APPLIED {
    @Override
    Shape shape(Shape shape) {
      return new Shape(
          shape.hidden(),
          shape.order(),
          shape.grouping(),
          shape.computed(),
          null,
          shape.distinct(),
          shape.sort());
    }
  },
  COUNT_TAKEN_OF_ONE_SHARD {
    @Override
    Aggregate aggregate(Aggregate aggregate) {
      return of(aggregate, Aggregate.Kind.COUNT, Aggregate.Kind.ANY);
    }
  },
  DISTINCT_COUNTS_SUMMED {
    @Override
    Aggregate aggregate(Aggregate aggregate) {
      return of(aggregate, Aggregate.Kind.COUNT_DISTINCT, Aggregate.Kind.COUNT);
    }
  },
  SUM_TAKEN_OF_ONE_SHARD {
    @Override
    Aggregate aggregate(Aggregate aggregate) {
      return of(aggregate, Aggregate.Kind.SUM, Aggregate.Kind.ANY);
    }
  },
  AVERAGES_SUMMED {
    @Override
    Aggregate aggregate(Aggregate aggregate) {
      return aggregate.kind() == Aggregate.Kind.AVG
          ? new Aggregate(
              Aggregate.Kind.AVG,
              aggregate.column(),
              List.of(aggregate.column(), aggregate.inputs().get(1)),
              aggregate.keys())
          : aggregate;
    }
  },
  EXTREMES_BY_JAVA {
    @Override
    Aggregate aggregate(Aggregate aggregate) {
      boolean extreme =
          aggregate.kind() == Aggregate.Kind.MIN || aggregate.kind() == Aggregate.Kind.MAX;
      return extreme
          ? new Aggregate(
              aggregate.kind(),
              aggregate.column(),
              List.of(),
              List.of(new SortKey(aggregate.column(), SortKey.NONE, false)))
          : aggregate;
    }
  },
  HIDDEN_COLUMNS_SHOWN {
    @Override
    Shape shape(Shape shape) {
      return shape.grouping() == null && shape.distinct().isEmpty() && shape.sort().isEmpty()
          ? new Shape(0, List.of(), null, Map.of(), null, List.of(), List.of())
          : shape;
    }
  },
  SHARD_FORGOTTEN {
    @Override
    List<Part> parts(List<Part> parts) {
      return parts.subList(0, parts.size() - 1);
    }
  },
  COPIES_COUNTED_EACH {
    @Override
    public Plan apply(Plan plan) {
      return plan instanceof Writes writes
          ? new Writes(writes.parts(), false, writes.keyed())
          : plan;
    }
  };

  private static final int MAX_ROWS = 100_000;
  private static final Pattern LIMITED = Pattern.compile(" LIMIT [0-9]+$");

  @Override
  public Plan apply(Plan plan) {
    if (!(plan instanceof Scatter scatter)) {
      return plan;
    }
    Merge merge = scatter.merge();
    return new Scatter(
        parts(scatter.parts()).stream().map(part -> part(part, merge)).toList(), merge(merge));
  }

  private Part part(Part part, Merge merge) {
    ShardSql sql = part.sql();
    return new Part(part.shard(), new ShardSql(sql(sql.text(), merge), sql.markers()));
  }

  List<Part> parts(List<Part> parts) {
    return parts;
  }

  String sql(String sql, Merge merge) {
    return sql;
  }

  Merge merge(Merge merge) {
    return new Merge(shape(merge.shape()), merge.binds(), merge.offset(), merge.limit(), MAX_ROWS);
  }

  Shape shape(Shape shape) {
    Grouping grouping = shape.grouping();
    return grouping == null ? shape : with(shape, grouping(grouping));
  }

  Grouping grouping(Grouping grouping) {
    return new Grouping(
        grouping.keys(),
        grouping.aggregates().stream().map(this::aggregate).toList(),
        grouping.whole(),
        grouping.width());
  }

  Aggregate aggregate(Aggregate aggregate) {
    return aggregate;
  }

  private static Aggregate of(Aggregate aggregate, Aggregate.Kind right, Aggregate.Kind wrong) {
    return aggregate.kind() == right
        ? new Aggregate(wrong, aggregate.column(), List.of(), List.of())
        : aggregate;
  }

  private static Grouping keyed(Grouping grouping, List<SortKey> keys) {
    return new Grouping(keys, grouping.aggregates(), grouping.whole(), grouping.width());
  }

  private static Shape with(Shape shape, @Nullable Grouping grouping) {
    return new Shape(
        shape.hidden(),
        shape.order(),
        grouping,
        shape.computed(),
        shape.having(),
        shape.distinct(),
        shape.sort());
  }

  private static Shape with(Shape shape, List<SortKey> order) {
    return new Shape(
        shape.hidden(),
        order,
        shape.grouping(),
        shape.computed(),
        shape.having(),
        shape.distinct(),
        shape.sort());
  }
}
