package io.shardflux.cluster;

import io.shardflux.router.Internal;

/** Reports that a job has another owner, so that this one must stop at once. */
@Internal
public final class JobLostException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public JobLostException(long job) {
    super("job " + job + ": taken over by another owner (expected: this one)");
  }
}
