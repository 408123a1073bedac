package io.shardflux.api.wire;

import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.List;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferFactory;
import org.springframework.http.MediaType;
import org.springframework.http.server.reactive.ServerHttpResponse;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Sends lines of JSON. Lines are gathered until there are {@value #MAX_LINES} or 5 ms have gone by
 * since the first, then written and flushed together. Lines are requested only as the client takes
 * them: at most a hundred such groups lie between it and their source.
 */
@Internal
public final class Ndjson {

  /** About 12 KiB of users. */
  static final int MAX_LINES = 128;

  static final Duration MAX_WAIT = Duration.ofMillis(5);

  private static final int BUFFER_BYTES = 16 * 1024;

  private Ndjson() {}

  /**
   * Answers 200 at once and then sends the lines. A cancel by the client cancels them. An error of
   * the lines cuts the connection.
   */
  public static Mono<Void> send(ServerHttpResponse response, Flux<? extends NdjsonLine> lines) {
    response.getHeaders().setContentType(MediaType.APPLICATION_NDJSON);
    return response.writeAndFlushWith(groups(lines, response.bufferFactory()));
  }

  /**
   * Answers 200 with the first line and then sends the lines; an error before the first line may
   * have another status.
   */
  public static Mono<Void> sendKnown(
      ServerHttpResponse response, Flux<? extends NdjsonLine> lines) {
    response.getHeaders().setContentType(MediaType.APPLICATION_NDJSON);
    return response.writeAndFlushWith(gathered(lines, response.bufferFactory()));
  }

  /**
   * Groups of lines that are flushed together. The first group is empty, so that the headers go out
   * before any line is there. A group is written when it is subscribed to, so that a cancel loses
   * no buffer.
   */
  static Flux<Mono<DataBuffer>> groups(
      Flux<? extends NdjsonLine> lines, DataBufferFactory factory) {
    return gathered(lines, factory).startWith(Mono.<DataBuffer>empty());
  }

  private static Flux<Mono<DataBuffer>> gathered(
      Flux<? extends NdjsonLine> lines, DataBufferFactory factory) {
    return Flux.<NdjsonLine>from(lines)
        .bufferTimeout(MAX_LINES, MAX_WAIT, true)
        .map(some -> Mono.fromSupplier(() -> write(some, factory)));
  }

  private static DataBuffer write(List<NdjsonLine> lines, DataBufferFactory factory) {
    DataBuffer buffer = factory.allocateBuffer(BUFFER_BYTES);
    Json.lines(lines, buffer.asOutputStream());
    return buffer;
  }
}
