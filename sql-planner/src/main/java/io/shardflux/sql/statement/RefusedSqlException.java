package io.shardflux.sql.statement;

import io.shardflux.router.Internal;

/**
 * A statement whose answer could not be known to be that of one big database. Asking again gives
 * the same. Nothing has been sent to any shard, but where a merge turned out to hold too many rows,
 * or columns to have changed; nothing has been written then. The message never holds bound values.
 */
public final class RefusedSqlException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private static final int MAX_REASON = 1_000;

  private final RefusalCode code;
  private final String reason;
  private final String wayOut;

  /**
   * A refusal.
   *
   * @param reason what in the statement the rule met, without bound values
   */
  public RefusedSqlException(RefusalCode code, String reason) {
    this(code, reason, code.wayOut());
  }

  @Internal
  public RefusedSqlException(RefusalCode code, String reason, String wayOut) {
    this(shortened(reason), code, wayOut);
  }

  private RefusedSqlException(String reason, RefusalCode code, String wayOut) {
    // One is thrown many times, as refusals are cached: no stack, no suppressed ones.
    super(code + ": " + reason + " (" + wayOut + ")", null, false, false);
    this.code = code;
    this.reason = reason;
    this.wayOut = wayOut;
  }

  /** Without what a text of a million characters could make of it. */
  private static String shortened(String reason) {
    return reason.length() <= MAX_REASON ? reason : reason.substring(0, MAX_REASON) + "…";
  }

  /** Which rule refuses it. */
  public RefusalCode code() {
    return code;
  }

  /** What in the statement the rule met. */
  public String reason() {
    return reason;
  }

  /** What to do instead. */
  public String wayOut() {
    return wayOut;
  }
}
