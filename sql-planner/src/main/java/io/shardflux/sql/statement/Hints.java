package io.shardflux.sql.statement;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Instructions of a caller beside a statement's text. In SQL they are the text's first comment,
 * {@code /* shardflux: key=42, scatter=false *}{@code /}. Null is unspecified. Immutable.
 *
 * @param shard {@code shard=name}: the statement goes there as it is
 * @param key {@code key=42} or {@code key=(acme, 42)}: the statement goes to this key's shard as it
 *     is
 * @param scatter {@code scatter=true|false}: whether a read may go to several shards
 * @param scatterWrites {@code scatter-writes=true|false}: whether a write may go to several shards;
 *     where it is unspecified, a write may that names the keys of its rows
 * @param readThenWrite {@code read-then-write=true}: whether an {@code UPDATE} or {@code DELETE}
 *     may find its rows by a read before it writes them by their keys
 * @param everyShard {@code every-shard=true}: whether a definition of tables, such as {@code CREATE
 *     TABLE}, may go to all of their shards
 * @param gather {@code gather=50000}: the rows of several shards that one server may be given to
 *     answer a read, in place of the router's bound; {@code gather=false}, which is 0: no such
 *     answer; {@code gather=true}, which is {@link #GATHER}
 * @param timeout {@code timeout=250ms}, {@code 3s} or {@code 1m}
 * @param failurePolicy {@code failure-policy=…}, as the driver knows it
 * @param readPreference {@code read-preference=…}, as the driver knows it
 * @param transactions {@code transactions=…}: the mode of the transaction that the statement is in,
 *     or that it makes of its parts on several shards, as the driver knows it
 * @param consistency {@code consistency=…}: how the rows of several shards belong together, as the
 *     driver knows it
 */
public record Hints(
    @Nullable ShardId shard,
    @Nullable ShardKey key,
    @Nullable Boolean scatter,
    @Nullable Boolean scatterWrites,
    @Nullable Boolean readThenWrite,
    @Nullable Boolean everyShard,
    @Nullable Integer gather,
    @Nullable Duration timeout,
    @Nullable String failurePolicy,
    @Nullable String readPreference,
    @Nullable String transactions,
    @Nullable String consistency) {

  /** As many rows may be gathered as the router says, even where it refuses that. */
  public static final int GATHER = -1;

  /** Hints that leave everything unspecified. */
  public static final Hints NONE = builder().build();

  /** {@return a builder of hints; everything is unspecified at first} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * {@return these hints, with those of the others where these are unspecified}
   *
   * @param others the hints that count where these are unspecified
   */
  public Hints or(Hints others) {
    if (equals(NONE)) {
      return others;
    }
    if (others.equals(NONE)) {
      return this;
    }
    boolean placed = shard != null || key != null;
    return builder()
        .shard(placed ? shard : others.shard)
        .key(placed ? key : others.key)
        .scatter(first(scatter, others.scatter))
        .scatterWrites(first(scatterWrites, others.scatterWrites))
        .readThenWrite(first(readThenWrite, others.readThenWrite))
        .everyShard(first(everyShard, others.everyShard))
        .gather(first(gather, others.gather))
        .timeout(first(timeout, others.timeout))
        .failurePolicy(first(failurePolicy, others.failurePolicy))
        .readPreference(first(readPreference, others.readPreference))
        .transactions(first(transactions, others.transactions))
        .consistency(first(consistency, others.consistency))
        .build();
  }

  private static <T> @Nullable T first(@Nullable T mine, @Nullable T others) {
    return mine == null ? others : mine;
  }

  /** Sets hints; null is unspecified. Not thread-safe. */
  public static final class Builder {

    private @Nullable ShardId shard;
    private @Nullable ShardKey key;
    private @Nullable Boolean scatter;
    private @Nullable Boolean scatterWrites;
    private @Nullable Boolean readThenWrite;
    private @Nullable Boolean everyShard;
    private @Nullable Integer gather;
    private @Nullable Duration timeout;
    private @Nullable String failurePolicy;
    private @Nullable String readPreference;
    private @Nullable String transactions;
    private @Nullable String consistency;

    private Builder() {}

    /**
     * Sets {@link Hints#shard()}.
     *
     * @param value as {@link Hints#shard()} says; null for unspecified
     * @return this builder
     */
    public Builder shard(@Nullable ShardId value) {
      shard = value;
      return this;
    }

    /**
     * Sets {@link Hints#key()}.
     *
     * @param value as {@link Hints#key()} says; null for unspecified
     * @return this builder
     */
    public Builder key(@Nullable ShardKey value) {
      key = value;
      return this;
    }

    /**
     * Sets {@link Hints#scatter()}.
     *
     * @param value as {@link Hints#scatter()} says; null for unspecified
     * @return this builder
     */
    public Builder scatter(@Nullable Boolean value) {
      scatter = value;
      return this;
    }

    /**
     * Sets {@link Hints#scatterWrites()}.
     *
     * @param value as {@link Hints#scatterWrites()} says; null for unspecified
     * @return this builder
     */
    public Builder scatterWrites(@Nullable Boolean value) {
      scatterWrites = value;
      return this;
    }

    /**
     * Sets {@link Hints#readThenWrite()}.
     *
     * @param value as {@link Hints#readThenWrite()} says; null for unspecified
     * @return this builder
     */
    public Builder readThenWrite(@Nullable Boolean value) {
      readThenWrite = value;
      return this;
    }

    /**
     * Sets {@link Hints#everyShard()}.
     *
     * @param value as {@link Hints#everyShard()} says; null for unspecified
     * @return this builder
     */
    public Builder everyShard(@Nullable Boolean value) {
      everyShard = value;
      return this;
    }

    /**
     * Sets {@link Hints#gather()}.
     *
     * @param value as {@link Hints#gather()} says; null for unspecified
     * @return this builder
     */
    public Builder gather(@Nullable Integer value) {
      gather = value;
      return this;
    }

    /**
     * Sets {@link Hints#timeout()}.
     *
     * @param value as {@link Hints#timeout()} says; null for unspecified
     * @return this builder
     */
    public Builder timeout(@Nullable Duration value) {
      timeout = value;
      return this;
    }

    /**
     * Sets {@link Hints#failurePolicy()}.
     *
     * @param value as {@link Hints#failurePolicy()} says; null for unspecified
     * @return this builder
     */
    public Builder failurePolicy(@Nullable String value) {
      failurePolicy = value;
      return this;
    }

    /**
     * Sets {@link Hints#readPreference()}.
     *
     * @param value as {@link Hints#readPreference()} says; null for unspecified
     * @return this builder
     */
    public Builder readPreference(@Nullable String value) {
      readPreference = value;
      return this;
    }

    /**
     * Sets {@link Hints#transactions()}.
     *
     * @param value as {@link Hints#transactions()} says; null for unspecified
     * @return this builder
     */
    public Builder transactions(@Nullable String value) {
      transactions = value;
      return this;
    }

    /**
     * Sets {@link Hints#consistency()}.
     *
     * @param value as {@link Hints#consistency()} says; null for unspecified
     * @return this builder
     */
    public Builder consistency(@Nullable String value) {
      consistency = value;
      return this;
    }

    /** {@return the hints} */
    public Hints build() {
      return new Hints(
          shard,
          key,
          scatter,
          scatterWrites,
          readThenWrite,
          everyShard,
          gather,
          timeout,
          failurePolicy,
          readPreference,
          transactions,
          consistency);
    }
  }
}
