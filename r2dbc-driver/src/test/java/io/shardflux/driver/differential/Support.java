package io.shardflux.driver.differential;

import io.shardflux.sql.statement.RefusalCode;
import java.util.Set;

/**
 * Whether a statement has to be answered.
 *
 * @param codes what it may be refused with; any other refusal is a failure
 * @param answerable whether an answer is none
 */
record Support(Set<RefusalCode> codes, boolean answerable) {

  static final Support SUPPORTED = new Support(Set.of(), true);

  /** It may be refused so. */
  static Support open(RefusalCode... codes) {
    return new Support(Set.of(codes), true);
  }

  /** It has to be refused so. */
  static Support refused(RefusalCode... codes) {
    return new Support(Set.of(codes), false);
  }
}
