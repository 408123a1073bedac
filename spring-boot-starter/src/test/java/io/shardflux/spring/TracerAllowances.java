package io.shardflux.spring;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/** Calls of the tests' tracer on an event loop that BlockHound would report. */
public final class TracerAllowances implements BlockHoundIntegration {

  /** For the service loader. */
  public TracerAllowances() {}

  @Override
  public void applyTo(BlockHound.Builder builder) {
    // It keeps its spans in a deque that has a lock, held for moments.
    builder.allowBlockingCallsInside("io.micrometer.tracing.test.simple.SimpleTracer", "nextSpan");
  }
}
