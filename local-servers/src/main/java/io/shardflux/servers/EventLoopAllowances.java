package io.shardflux.servers;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/**
 * Allows the blocking calls that the driver, Netty and Reactor themselves make on an event loop and
 * that BlockHound would report.
 */
public final class EventLoopAllowances implements BlockHoundIntegration {

  /** Called by the service loader. */
  public EventLoopAllowances() {}

  @Override
  public void applyTo(BlockHound.Builder builder) {
    // r2dbc-mysql builds its TLS context, which reads /dev/urandom and the JVM's key store, when it
    // connects. The files that a URL names are not among it.
    builder.allowBlockingCallsInside("io.netty.handler.ssl.SslContextBuilder", "build");
    // Netty's pool of buffers has locks of its own, held for moments when it grows or takes back.
    builder.allowBlockingCallsInside("io.netty.buffer.AdaptivePoolingAllocator", "allocate");
    builder.allowBlockingCallsInside("io.netty.buffer.AdaptivePoolingAllocator", "reallocate");
    builder.allowBlockingCallsInside(
        "io.netty.buffer.AdaptivePoolingAllocator$AdaptiveByteBuf", "deallocate");
    // Reactor takes a cancelled task out of its timer's queue, whose lock is held for moments. It
    // allows the calls in which it puts tasks in and takes them, but not each that cancels them.
    builder.allowBlockingCallsInside(
        "java.util.concurrent.ScheduledThreadPoolExecutor$DelayedWorkQueue", "remove");
  }
}
