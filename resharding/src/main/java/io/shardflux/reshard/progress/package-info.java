/**
 * What a job is, how far it is, and what is told of it. Start at {@link JobPlan} and {@link
 * JobState}, which are kept as texts in the control tables; {@link MoveProgress} is what users see
 * of both. This package may use {@code plan} and what stands below it.
 */
@NullMarked
package io.shardflux.reshard.progress;

import org.jspecify.annotations.NullMarked;
