package io.shardflux.r2dbc;

import io.asyncer.r2dbc.mysql.ConnectionContext;
import io.asyncer.r2dbc.mysql.MySqlParameter;
import io.asyncer.r2dbc.mysql.Query;
import io.asyncer.r2dbc.mysql.codec.Codecs;
import io.asyncer.r2dbc.mysql.constant.ZeroDateOption;
import io.asyncer.r2dbc.mysql.message.client.PreparedTextQueryMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.lang.reflect.Constructor;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** The text that the driver sends for a statement with its values, without a server. */
public final class DriverText {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final Codecs CODECS = Codecs.builder().build();
  private static final ConnectionContext CONTEXT = context();

  private DriverText() {}

  /** Its length in bytes, with the command's byte. */
  public static long bytes(String sql, List<? extends @Nullable Object> values) {
    MySqlParameter[] parameters =
        values.stream()
            .map(value -> value == null ? CODECS.encodeNull() : CODECS.encode(value, CONTEXT))
            .toArray(MySqlParameter[]::new);
    ByteBuf sent =
        Mono.from(
                new PreparedTextQueryMessage(Query.parse(sql), "", parameters)
                    .encode(UnpooledByteBufAllocator.DEFAULT, CONTEXT))
            .blockOptional(BOUND)
            .orElseThrow();
    try {
      return sent.readableBytes();
    } finally {
      sent.release();
    }
  }

  /** The driver makes one for each connection, and lets nobody else. */
  private static ConnectionContext context() {
    try {
      Constructor<?> constructor = ConnectionContext.class.getDeclaredConstructors()[0];
      constructor.setAccessible(true);
      return (ConnectionContext)
          constructor.newInstance(
              ZeroDateOption.USE_NULL, null, 0, true, false, ZoneOffset.UTC, true);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
