package io.shardflux.reshard;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a move would do, as far as it can be told before it starts.
 *
 * @param strategy the name of the strategy whose keys move
 * @param next the strategy that takes its place
 * @param tables the tables whose rows move, with about how many rows they have on all shards
 * @param pairs the shards between which rows may move, in the order of the steps
 * @param refusals the reasons why it can't start; empty if it can
 * @param options how it is done
 */
public record MovePlan(
    String strategy,
    ShardingStrategy next,
    List<Table> tables,
    List<Pair> pairs,
    List<Refusal> refusals,
    MoveOptions options) {

  /**
   * Copies the lists.
   *
   * @param strategy see {@link #strategy()}
   * @param next see {@link #next()}
   * @param tables see {@link #tables()}
   * @param pairs see {@link #pairs()}
   * @param refusals see {@link #refusals()}
   * @param options see {@link #options()}
   */
  public MovePlan {
    tables = List.copyOf(tables);
    pairs = List.copyOf(pairs);
    refusals = List.copyOf(refusals);
  }

  /**
   * A table whose rows move.
   *
   * @param name its name
   * @param rowsAbout about how many rows it has on all shards, as the servers estimate
   */
  public record Table(String name, long rowsAbout) {}

  /**
   * Two shards between which rows may move.
   *
   * @param from the shard that they leave
   * @param to the shard that they go to
   */
  public record Pair(ShardId from, ShardId to) {}

  /** The kinds of reason why a move can't start. */
  public enum Code {
    /** No table has the strategy. */
    NO_TABLE,
    /** A table has no primary key. */
    NO_PRIMARY_KEY,
    /** A table is not of InnoDB, so that its rows know no transactions. */
    NOT_INNODB,
    /** A table is missing on a shard that has keys of the strategy. */
    TABLE_MISSING,
    /** A table has other columns on another shard. */
    TABLE_DIFFERS,
    /** A foreign key changes rows without a trigger, or refers to a table that does not move. */
    FOREIGN_KEY,
    /** A column of the primary key has a type whose literals are not exact. */
    KEY_TYPE,
    /** The server does not know a function by which the strategy says in SQL what it owns. */
    STRATEGY_SQL,
    /** The server's binary log has statements, which triggers make unsafe. */
    STATEMENT_BINLOG,
    /** The account may not make triggers. */
    RIGHTS,
    /** A reference table is missing on a new shard, or has other rows there. */
    REFERENCE_TABLE,
    /** A column counts by itself on each shard. May be accepted. */
    AUTO_INCREMENT(true),
    /** A unique key without the shard key holds on each shard alone. May be accepted. */
    UNIQUE_KEY(true),
    /** A trigger of the application fires for copied rows, or not on a target. May be accepted. */
    TRIGGER(true),
    /** A view, routine or event has the rows of its own shard alone. May be accepted. */
    VIEW_OR_ROUTINE(true),
    /** MySQL has values in a JSON column that no text has, such as dates. May be accepted. */
    JSON_COLUMN(true),
    /** An account that is no router's is connected to a source. May be accepted. */
    OTHER_CLIENT(true),
    /** Another move is under way. */
    UNDER_WAY;

    private final boolean acceptable;

    Code() {
      this(false);
    }

    Code(boolean acceptable) {
      this.acceptable = acceptable;
    }
  }

  /**
   * {@return the plan without its refusals of some kinds, which the caller answers for}
   *
   * @param codes the kinds
   * @throws IllegalArgumentException if one of them may not be accepted
   */
  public MovePlan accepting(Code... codes) {
    for (Code code : codes) {
      if (!code.acceptable) {
        throw new IllegalArgumentException(
            "code: "
                + code
                + " (expected: one of "
                + Stream.of(Code.values()).filter(each -> each.acceptable).toList()
                + "; the others must be put right)");
      }
    }
    Set<Code> accepted = Set.copyOf(List.of(codes));
    List<Refusal> left =
        refusals.stream().filter(refusal -> !accepted.contains(refusal.code())).toList();
    return new MovePlan(strategy, next, tables, pairs, left, options);
  }

  /**
   * {@return the plan with a limit, so that it leaves more of the servers to the application}
   *
   * @param limit the most rows that it copies, and later deletes, in a second; 0 for no limit
   * @throws IllegalArgumentException if the limit is negative
   */
  public MovePlan atMost(int limit) {
    return with(options.toBuilder().rowsPerSecond(limit).build());
  }

  /**
   * {@return the plan, done otherwise}
   *
   * @param others how it shall be done
   */
  public MovePlan with(MoveOptions others) {
    return new MovePlan(strategy, next, tables, pairs, refusals, others);
  }

  /**
   * A reason why a move can't start.
   *
   * @param code its kind
   * @param where the table, or the shard
   * @param message what was met, what was expected, and the way out
   */
  public record Refusal(Code code, String where, String message) {}
}
