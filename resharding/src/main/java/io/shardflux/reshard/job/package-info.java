/**
 * The work on a job, by the router that owns it. Start at {@link OwnedMove}, then {@link MoveJob},
 * which has the phases of a step in their order: {@code StepCopy}, {@code StepSwitch}, {@code
 * StepClean}, and {@code ReverseFlow} for the way back. This package may use all others below its
 * root.
 */
@NullMarked
package io.shardflux.reshard.job;

import org.jspecify.annotations.NullMarked;
