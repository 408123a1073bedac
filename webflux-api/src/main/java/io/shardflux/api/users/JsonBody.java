package io.shardflux.api.users;

import io.shardflux.api.failure.Refusal;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferLimitException;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.HttpStatus;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A request's body of one JSON value. */
@Internal
public final class JsonBody {

  private static final int MAX_BYTES = Upload.MAX_LINE_BYTES;

  private JsonBody() {}

  /** The whole body, held to a size. */
  public static Mono<ByteBuffer> of(ServerWebExchange exchange) {
    Flux<DataBuffer> body = exchange.getRequest().getBody();
    return DataBufferUtils.join(body, MAX_BYTES)
        .map(
            buffer -> {
              byte[] bytes = new byte[buffer.readableByteCount()];
              buffer.read(bytes);
              DataBufferUtils.release(buffer);
              return ByteBuffer.wrap(bytes);
            })
        .defaultIfEmpty(ByteBuffer.allocate(0))
        .onErrorMap(
            DataBufferLimitException.class,
            error ->
                Refusal.of(
                    "too_long",
                    HttpStatus.CONTENT_TOO_LARGE,
                    "body above " + MAX_BYTES + " bytes (expected: at most as many)"));
  }
}
