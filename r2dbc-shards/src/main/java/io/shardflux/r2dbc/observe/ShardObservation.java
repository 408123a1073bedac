package io.shardflux.r2dbc.observe;

import io.micrometer.common.docs.KeyName;
import io.micrometer.observation.docs.ObservationDocumentation;

/**
 * The observations of a router; see {@code ShardRouterBuilder.observations}. With a {@code
 * MeterRegistry} behind the registry each is a timer of its name too, with the low-cardinality keys
 * as tags.
 */
public enum ShardObservation implements ObservationDocumentation {
  /**
   * One attempt at one server: a statement from its subscription to its end, waiting for a
   * connection included, or a lent connection from its call to its return. A read that is retried,
   * or hedged, has an observation for each attempt.
   *
   * <p>Its parent is the observation in the subscriber's Reactor context, by Micrometer's key. For
   * work that runs below it the context has the observation itself. An error is the one that the
   * caller gets.
   */
  STATEMENT {

    @Override
    public String getName() {
      return "shardflux.statement";
    }

    @Override
    public KeyName[] getLowCardinalityKeyNames() {
      return Tag.values();
    }

    @Override
    public KeyName[] getHighCardinalityKeyNames() {
      return Detail.values();
    }
  };

  /** The keys of few values, which are tags of meters too. */
  public enum Tag implements KeyName {
    /** The shard's name. */
    SHARD("shard"),
    /** {@code primary} or {@code replica}. */
    ROLE("role"),
    /**
     * {@code read}, {@code write}, {@code lend} (a raw connection) or {@code transaction}. A
     * statement that must not be sent twice is a write.
     */
    OPERATION("operation"),
    /**
     * {@code success}, {@code cancelled}, or a kind of error as in {@link
     * ShardStatistics#errors()}; set at the end.
     */
    OUTCOME("outcome");

    private final String key;

    Tag(String key) {
      this.key = key;
    }

    @Override
    public String asString() {
      return key;
    }
  }

  /** The keys of any number of values, which only spans have. */
  public enum Detail implements KeyName {
    /** The server's {@code host:port}. */
    SERVER("server"),
    /**
     * The statement's text, with markers in place of values, cut off as in errors; not of lent
     * connections.
     */
    STATEMENT("statement"),
    /** The number of rows, 1 for a count of rows updated; not of lent connections. */
    ROWS("rows");

    private final String key;

    Detail(String key) {
      this.key = key;
    }

    @Override
    public String asString() {
      return key;
    }
  }
}
