/**
 * What is to move, and whether it may: intents, plans, options and refusals. Start at {@link
 * MovePlan}, then {@link MovePlanner}. {@code MoveCheck} has the checks that are made before
 * anything is touched. This package may use {@code transfer}.
 */
@NullMarked
package io.shardflux.reshard.plan;

import org.jspecify.annotations.NullMarked;
