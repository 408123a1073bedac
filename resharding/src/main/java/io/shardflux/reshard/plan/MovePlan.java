package io.shardflux.reshard.plan;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The work and the obstacles of a move, as far as they can be told before it starts.
 *
 * @param parts its parts, at least one; each is a job, and begins when the one before is done
 * @param refusals the reasons why it can't start; empty if it can
 * @param options how it is done
 * @param targets the shards that get rows, and the room for them
 * @param statements a line for each statement of the application, as far as they are known, that is
 *     answered at a higher price afterwards, or refused
 */
public record MovePlan(
    List<Part> parts,
    List<Refusal> refusals,
    MoveOptions options,
    List<Target> targets,
    List<String> statements) {

  /** The number of statements that a plan shows. */
  public static final int MOST_STATEMENTS = 100;

  /**
   * Copies the lists.
   *
   * @param parts see {@link #parts()}
   * @param refusals see {@link #refusals()}
   * @param options see {@link #options()}
   * @param targets see {@link #targets()}
   * @param statements see {@link #statements()}
   */
  public MovePlan {
    statements = List.copyOf(statements);
    targets = List.copyOf(targets);
    parts = List.copyOf(parts);
    refusals = List.copyOf(refusals);
  }

  /** {@return the name of the first part's strategy} */
  public String strategy() {
    return parts.get(0).strategy();
  }

  /** {@return the strategy that takes the place of the first part's} */
  public ShardingStrategy next() {
    return parts.get(0).next();
  }

  /** {@return the tables of all parts} */
  public List<Table> tables() {
    return parts.stream().flatMap(part -> part.tables().stream()).toList();
  }

  /**
   * {@return the topology in which all keys are where this plan takes them}
   *
   * @param now the topology that it was made for
   * @throws IllegalStateException if it was made for another one
   */
  @Internal
  public Topology finished(Topology now) {
    Topology then = now;
    for (Part part : parts) {
      Passage passage = Passage.of(part);
      then = passage.finished(passage.begun(then));
    }
    return then;
  }

  /** {@return the pairs of all parts} */
  public List<Pair> pairs() {
    return parts.stream().flatMap(part -> part.pairs().stream()).toList();
  }

  /** The change that the tables of a part undergo. */
  public enum Kind {
    /** They have the strategy before and afterwards. */
    KEYS,
    /** They are pinned before, and sharded afterwards. */
    SHARD,
    /** They are pinned before and afterwards. */
    PINNED,
    /** They are reference tables, of which one shard more gets its copy. */
    COPY;

    /** Tells whether they have rules while they move that are made for the move. */
    public boolean hasRules() {
      return this == SHARD || this == PINNED;
    }
  }

  /**
   * The tables of one strategy, which move together.
   *
   * @param kind what becomes of them
   * @param strategy the name of the strategy whose keys move; of pinned tables one that they have
   *     while they move; of copies a name that says where they go
   * @param old where the keys are now; of pinned tables and of copies the shard that they come from
   * @param next the strategy that takes its place
   * @param into the name of the strategy that tables have afterwards
   * @param rules the rules by which pinned tables move; empty for others
   * @param tables the tables whose rows move
   * @param pairs the shards between which rows may move, in the order of the steps
   */
  public record Part(
      Kind kind,
      String strategy,
      ShardingStrategy old,
      ShardingStrategy next,
      String into,
      List<TableRule.Sharded> rules,
      List<Table> tables,
      List<Pair> pairs) {

    /**
     * Copies the lists.
     *
     * @param kind see {@link #kind()}
     * @param strategy see {@link #strategy()}
     * @param old see {@link #old()}
     * @param next see {@link #next()}
     * @param into see {@link #into()}
     * @param rules see {@link #rules()}
     * @param tables see {@link #tables()}
     * @param pairs see {@link #pairs()}
     */
    public Part {
      rules = List.copyOf(rules);
      tables = List.copyOf(tables);
      pairs = List.copyOf(pairs);
    }
  }

  /**
   * A table whose rows move.
   *
   * @param name its name
   * @param rowsAbout about how many rows it has on all shards, as the servers estimate
   * @param bytesAbout about how many bytes these have there, indexes included
   */
  public record Table(String name, long rowsAbout, long bytesAbout) {}

  /**
   * Two shards between which rows may move.
   *
   * @param from the shard that they leave
   * @param to the shard that they go to
   * @param rowsAbout about how many rows move, as far as a sample of each table says
   * @param bytesAbout about how many bytes these have, indexes included
   */
  public record Pair(ShardId from, ShardId to, long rowsAbout, long bytesAbout) {}

  /**
   * A shard that gets rows. They stand at their old place, too, until the move is over.
   *
   * @param shard the shard
   * @param bytesAbout about how many bytes come there, indexes included, and binary logs not
   * @param bytesFree how many bytes its disk has left, or null where the server does not tell
   */
  public record Target(ShardId shard, long bytesAbout, @Nullable Long bytesFree) {}

  /** The kinds of reason why a move can't start. */
  public enum Code {
    /** No table has the strategy. */
    NO_TABLE,
    /** A table has no primary key. */
    NO_PRIMARY_KEY,
    /** A table is not of InnoDB, so that its rows know no transactions. */
    NOT_INNODB,
    /**
     * A table is missing on a shard that has keys of the strategy, or that gets it without keys.
     */
    TABLE_MISSING,
    /** A table has other columns on another shard. */
    TABLE_DIFFERS,
    /** A foreign key changes rows without a trigger, or refers to a table that does not move. */
    FOREIGN_KEY,
    /** A column of the primary key has a type whose literals are not exact. */
    KEY_TYPE,
    /** Rows have NULL in a column of the shard key, so that no shard owns them. */
    NULL_KEY,
    /** The server does not know a function by which the strategy says in SQL what it owns. */
    STRATEGY_SQL,
    /** A router has not said that it reached a new shard with its own account. */
    ROUTER_UNREACHED,
    /** The server's binary log has statements, which triggers make unsafe. */
    STATEMENT_BINLOG,
    /** The account may not make triggers. */
    RIGHTS,
    /** A shard has other rows of a reference table than the others, and no move may delete them. */
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
    /** A new shard's server or database has another mode or character set. May be accepted. */
    SERVER_DIFFERS(true),
    /** A target's disk has less room than the rows need. May be accepted. */
    TOO_LITTLE_ROOM(true),
    /** The topology is another one than the plan was made for. */
    OUTDATED,
    /** Another move is under way. */
    UNDER_WAY;

    private final boolean acceptable;

    /**
     * {@return the kind of a name}
     *
     * @param name its name in capitals
     * @throws IllegalArgumentException if there is none of that name
     */
    public static Code of(String name) {
      return Stream.of(values())
          .filter(code -> code.name().equals(name))
          .findAny()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "code: " + name + " (expected: one of " + List.of(values()) + ")"));
    }

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
      check(code);
    }
    Set<Code> accepted = Set.copyOf(List.of(codes));
    return without(refusal -> accepted.contains(refusal.code()));
  }

  /**
   * {@return the plan without its refusals of one kind at one place, as the AUTO_INCREMENT of one
   * table; those of other places stay}
   *
   * @param code the kind
   * @param where the place, as the refusal has it
   * @throws IllegalArgumentException if the kind may not be accepted
   */
  public MovePlan accepting(Code code, String where) {
    check(code);
    return without(refusal -> refusal.code() == code && refusal.where().equals(where));
  }

  /**
   * {@return the plan without the refusals that texts name} A text is a code, such as {@code
   * UNIQUE_KEY}, or one with a place behind a colon, such as {@code AUTO_INCREMENT:users}.
   *
   * @param accepted the texts
   * @throws IllegalArgumentException if a text has no code, or that of a kind that may not be
   *     accepted
   */
  public MovePlan accepting(List<String> accepted) {
    MovePlan plan = this;
    for (String text : accepted) {
      int colon = text.indexOf(':');
      Code code = Code.of((colon < 0 ? text : text.substring(0, colon)).trim());
      plan =
          colon < 0 ? plan.accepting(code) : plan.accepting(code, text.substring(colon + 1).trim());
    }
    return plan;
  }

  private static void check(Code code) {
    if (!code.acceptable) {
      throw new IllegalArgumentException(
          "code: "
              + code
              + " (expected: one of "
              + Stream.of(Code.values()).filter(each -> each.acceptable).toList()
              + "; the others must be put right)");
    }
  }

  private MovePlan without(Predicate<Refusal> accepted) {
    return new MovePlan(
        parts, refusals.stream().filter(accepted.negate()).toList(), options, targets, statements);
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
    return new MovePlan(parts, refusals, others, targets, statements);
  }

  /**
   * {@return the plan with what becomes of the application's statements}
   *
   * @param lines see {@link #statements()}
   */
  @Internal
  public MovePlan withStatements(List<String> lines) {
    return new MovePlan(parts, refusals, options, targets, lines);
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
