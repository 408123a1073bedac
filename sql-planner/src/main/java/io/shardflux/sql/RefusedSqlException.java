package io.shardflux.sql;

/**
 * A statement whose answer could not be known to be that of one big database. Asking again gives
 * the same; nothing has been sent to any shard. The message never holds bound values.
 */
public final class RefusedSqlException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private static final int MAX_REASON = 1_000;

  private final RefusalCode code;
  private final String reason;

  RefusedSqlException(RefusalCode code, String reason) {
    this(shortened(reason), code);
  }

  private RefusedSqlException(String reason, RefusalCode code) {
    // One is thrown many times, as refusals are cached: no stack, no suppressed ones.
    super(code + ": " + reason + " (" + code.wayOut() + ")", null, false, false);
    this.code = code;
    this.reason = reason;
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
    return code.wayOut();
  }
}
