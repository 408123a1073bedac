package io.shardflux.api.wire;

import io.shardflux.router.Internal;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DataBufferUtils;
import reactor.core.publisher.Flux;

/**
 * Cuts a stream of bytes into lines and holds no more than one line of them. A blank line is
 * counted but not passed on. No byte is kept of a line that is too long. For one stream only.
 */
@Internal
public final class LineSplitter {

  /**
   * One line that is not blank.
   *
   * @param number from 1, blank lines counted
   * @param text without its end; null if it was too long
   */
  public record Line(long number, @Nullable ByteBuffer text) {}

  private final int maxLength;
  private final ByteArrayOutputStream unfinished = new ByteArrayOutputStream();
  private boolean blank = true;
  private boolean tooLong;
  private long number = 1;

  private LineSplitter(int maxLength) {
    this.maxLength = maxLength;
  }

  /**
   * The lines of a body, as they are requested. Releases the body's buffers, on cancel too.
   *
   * @param maxLength the longest line in bytes
   */
  public static Flux<Line> split(Flux<DataBuffer> body, int maxLength) {
    return Flux.defer(
        () -> {
          LineSplitter splitter = new LineSplitter(maxLength);
          return body.doOnDiscard(DataBuffer.class, DataBufferUtils::release)
              .concatMapIterable(splitter::next, 1)
              .concatWith(Flux.defer(() -> Flux.fromIterable(splitter.last())));
        });
  }

  private List<Line> next(DataBuffer buffer) {
    byte[] bytes = new byte[buffer.readableByteCount()];
    buffer.read(bytes);
    DataBufferUtils.release(buffer);
    List<Line> lines = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        append(bytes, start, i);
        finish(lines);
        start = i + 1;
      }
    }
    append(bytes, start, bytes.length);
    return lines;
  }

  private List<Line> last() {
    List<Line> lines = new ArrayList<>();
    finish(lines);
    return lines;
  }

  private void append(byte[] bytes, int from, int to) {
    for (int i = from; blank && i < to; i++) {
      blank = bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r';
    }
    tooLong |= unfinished.size() + (to - from) > maxLength;
    if (tooLong) {
      unfinished.reset();
    } else {
      unfinished.write(bytes, from, to - from);
    }
  }

  private void finish(List<Line> lines) {
    if (!blank || tooLong) {
      lines.add(new Line(number, tooLong ? null : ByteBuffer.wrap(unfinished.toByteArray())));
    }
    number++;
    unfinished.reset();
    blank = true;
    tooLong = false;
  }
}
