package io.shardflux.r2dbc.server;

import io.asyncer.r2dbc.mysql.message.server.ErrorMessage;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.router.Internal;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.util.context.Context;

/**
 * Tells the driver of a lost connection by an answer. If Netty tells the driver of it, the driver
 * logs it as an error, with a stack trace, for each connection, and drops it if no statement waits
 * there.
 */
@Internal
public final class LostChannel extends ChannelDuplexHandler {

  private static final Logger log = LoggerFactory.getLogger(LostChannel.class);

  /** Reactor's key for the consumer of errors that no subscriber waits for any more. */
  private static final String DROPPED = "reactor.onErrorDropped.local";

  /**
   * The number of statements that may wait for answers on one connection, and the one that has its
   * turn.
   */
  private static final int WAITING = 256 + 1;

  private static final ErrorMessage LOST = message();

  /**
   * A context in which the error of abandoned work is not reported: its cause has been reported
   * already.
   */
  public static Context quiet(Context context) {
    Consumer<Throwable> dropped = LostChannel::drop;
    return context.put(DROPPED, dropped);
  }

  private static void drop(Throwable error) {
    log.debug("nobody waits for: {}", error.toString());
  }

  private static ErrorMessage message() {
    return ErrorMessage.decode(
        Unpooled.buffer()
            .writeByte(0xff)
            .writeShortLE(ShardErrors.CONNECTION_LOST)
            .writeBytes("#08S01connection lost".getBytes(StandardCharsets.US_ASCII)));
  }

  private volatile @Nullable Throwable cause;
  private volatile boolean givenUp;

  /** Called when the driver has no subscriber any more: it would drop what it is told. */
  void giveUp() {
    givenUp = true;
  }

  /**
   * The error that the channel was lost by, or null if it was not lost or the other side ended it.
   */
  @Nullable Throwable cause() {
    return cause;
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
    boolean broken = error instanceof IOException || error.getCause() instanceof SSLException;
    if (broken) {
      cause = error;
      var unused = context.close();
    } else {
      context.fireExceptionCaught(error);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    for (int i = 0; i < WAITING && !givenUp; i++) {
      context.fireChannelRead(LOST);
    }
  }

  /** A write that fails is a lost connection, which is told where it closes. */
  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    ChannelPromise written =
        context
            .newPromise()
            .addListener(
                done -> {
                  if (!done.isSuccess()) {
                    var unused = context.close();
                  }
                  promise.trySuccess();
                });
    var unused = context.write(message, written);
  }
}
