package io.shardflux.sql.statement;

import io.shardflux.router.Internal;

/**
 * Refuses a statement whose answer could not be known to be that of one big database. A retry gives
 * the same refusal. Nothing has been sent to any shard, except where a merge had to hold too many
 * rows or columns had changed; nothing has been written then. The message never holds bound values.
 */
public final class RefusedSqlException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private static final int MAX_REASON = 1_000;

  /** The rule that refuses the statement. */
  private final RefusalCode code;

  /** The part of the statement that the rule met. */
  private final String reason;

  /** The alternative for the caller. */
  private final String wayOut;

  /** True if one server may give several answers to the statement. */
  private final boolean open;

  /**
   * A refusal.
   *
   * @param code the rule that refuses the statement
   * @param reason the part of the statement that the rule met, without bound values
   */
  public RefusedSqlException(RefusalCode code, String reason) {
    this(code, reason, code.wayOut());
  }

  /**
   * A refusal with an alternative of its own.
   *
   * @param code the rule that refuses the statement
   * @param reason the part of the statement that the rule met, without bound values
   * @param wayOut the alternative for the caller
   */
  public RefusedSqlException(RefusalCode code, String reason, String wayOut) {
    this(shortened(reason), code, wayOut, false);
  }

  private RefusedSqlException(String reason, RefusalCode code, String wayOut, boolean open) {
    // Refusals are cached, so an instance is thrown many times: no stack, nothing suppressed.
    super(code + ": " + reason + " (" + wayOut + ")", null, false, false);
    this.code = code;
    this.reason = reason;
    this.wayOut = wayOut;
    this.open = open;
  }

  /**
   * {@return the refusal of a statement to which one server may give several answers, by its way to
   * them}
   *
   * @param code the rule that refuses the statement
   * @param reason the part of the statement that the rule met, without bound values
   */
  @Internal
  public static RefusedSqlException open(RefusalCode code, String reason) {
    return new RefusedSqlException(shortened(reason), code, code.wayOut(), true);
  }

  /** {@return whether one server may give several answers to the statement} */
  @Internal
  public boolean isOpen() {
    return open;
  }

  /** The reason, cut short: a text of a million characters could make a long one. */
  private static String shortened(String reason) {
    return reason.length() <= MAX_REASON ? reason : reason.substring(0, MAX_REASON) + "…";
  }

  /** {@return the rule that refuses the statement} */
  public RefusalCode code() {
    return code;
  }

  /** {@return the part of the statement that the rule met} */
  public String reason() {
    return reason;
  }

  /** {@return the alternative for the caller} */
  public String wayOut() {
    return wayOut;
  }
}
