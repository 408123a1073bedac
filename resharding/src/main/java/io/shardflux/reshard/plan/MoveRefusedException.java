package io.shardflux.reshard.plan;

import java.util.List;
import java.util.stream.Collectors;

/** Reports that a move can't start. Nothing was changed. */
public final class MoveRefusedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient List<MovePlan.Refusal> refusals;

  public MoveRefusedException(List<MovePlan.Refusal> refusals) {
    super(
        refusals.stream()
            .map(refusal -> refusal.code() + ": " + refusal.where() + ", " + refusal.message())
            .collect(Collectors.joining("; ")));
    this.refusals = List.copyOf(refusals);
  }

  /** {@return the reasons, at least one} */
  public List<MovePlan.Refusal> refusals() {
    return refusals;
  }
}
