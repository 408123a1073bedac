package io.shardflux.api.client;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Closes a connection whose client takes fewer bytes a second than it must. Only time in which
 * bytes wait for the client counts: a client is not cut off for a slow shard, nor for requesting
 * nothing. Used on the connection's event loop.
 */
final class ReadingPace extends ChannelOutboundHandlerAdapter {

  private static final Logger log = LoggerFactory.getLogger(ReadingPace.class);

  /**
   * The step in which the kernel and the client's own take bytes. Until the next step, a client may
   * have had as many more.
   */
  private static final int STEP = 48 << 10;

  /** The number of looks within the time of measurement. */
  private static final int LOOKS = 30;

  private final double bytesPerNano;
  private final long period;
  private boolean looking;
  private long written;
  private long taken;
  private long since;
  private long lastStep;
  private long takenBefore;

  ReadingPace(ClientBounds bounds) {
    this.bytesPerNano = bounds.slowestReading() / 1e9;
    this.period = bounds.slowReading().toNanos();
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    int size = message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
    var unused = context.write(message, promise.unvoid().addListener(done -> written += size));
    if (!looking) {
      looking = true;
      begin(taken(context));
      lookLater(context);
    }
  }

  private void lookLater(ChannelHandlerContext context) {
    var unused =
        context.executor().schedule(() -> look(context), period / LOOKS, TimeUnit.NANOSECONDS);
  }

  private void look(ChannelHandlerContext context) {
    ChannelOutboundBuffer waiting = context.channel().unsafe().outboundBuffer();
    looking = waiting != null && waiting.totalPendingWriteBytes() > 0;
    if (!looking) {
      return;
    }
    long now = taken(context);
    boolean step = now != taken;
    taken = now;
    long time = System.nanoTime();
    if (tooSlow(time, step)) {
      cut(context, time);
      return;
    }
    if (step) {
      lastStep = time;
      if (time - since >= period) {
        begin(now);
      }
    }
    lookLater(context);
  }

  /**
   * Exact where bytes have just been taken; otherwise it includes bytes that may be taken by now.
   */
  private boolean tooSlow(long time, boolean step) {
    long had = taken - takenBefore + (step ? 0 : STEP);
    return (time - since >= period && had < (time - since) * bytesPerNano)
        || (!step && time - lastStep >= period && STEP < (time - lastStep) * bytesPerNano);
  }

  private void begin(long now) {
    taken = now;
    takenBefore = now;
    since = System.nanoTime();
    lastStep = since;
  }

  private void cut(ChannelHandlerContext context, long time) {
    log.info(
        "{} is cut off: it took {} bytes of its answer in {} s",
        context.channel().remoteAddress(),
        taken - takenBefore,
        Duration.ofNanos(time - since).toSeconds());
    var unused = context.close();
  }

  /** The bytes that the kernel has, including those of the message that it is at. */
  private long taken(ChannelHandlerContext context) {
    ChannelOutboundBuffer waiting = context.channel().unsafe().outboundBuffer();
    return written + (waiting == null ? 0 : waiting.currentProgress());
  }
}
