package io.shardflux.spring;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/** What the tests' tracer itself does on an event loop and BlockHound reports. */
public final class TracerAllowances implements BlockHoundIntegration {

  /** For the service loader. */
  public TracerAllowances() {}

  @Override
  public void applyTo(BlockHound.Builder builder) {
    // It keeps its spans in a deque that has a lock, held for moments.
    builder.allowBlockingCallsInside("io.micrometer.tracing.test.simple.SimpleTracer", "nextSpan");
  }
}
