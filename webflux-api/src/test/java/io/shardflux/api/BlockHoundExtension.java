package io.shardflux.api;

import org.junit.jupiter.api.extension.Extension;
import reactor.blockhound.BlockHound;

/**
 * Installs BlockHound before any test of the JVM. It must not come later: a timer thread that waits
 * already when it comes is refused its wait in the middle of it, and the timers' queue stays locked
 * for ever.
 */
public final class BlockHoundExtension implements Extension {

  /** For the service loader. */
  public BlockHoundExtension() {
    // Netty's pool of buffers has locks of its own, held for moments when it grows or takes back.
    BlockHound.install(
        builder ->
            builder
                .allowBlockingCallsInside("io.netty.buffer.AdaptivePoolingAllocator", "allocate")
                .allowBlockingCallsInside(
                    "io.netty.buffer.AdaptivePoolingAllocator$AdaptiveByteBuf", "deallocate"));
  }
}
