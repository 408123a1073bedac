package io.shardflux.api.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.PooledByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.NettyDataBuffer;
import org.springframework.core.io.buffer.NettyDataBufferFactory;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

final class LineSplitterTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final int MAX = 16;
  private static final NettyDataBufferFactory BUFFERS =
      new NettyDataBufferFactory(PooledByteBufAllocator.DEFAULT);

  private final List<NettyDataBuffer> made = new ArrayList<>();

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 1000})
  void cutsLinesWhereverTheBytesAreCut(int size) {
    String text = "one\n\n  \r\ntwo é\r\n" + "x".repeat(16) + "\n" + "y".repeat(17) + "\nlast";
    verify(
        text, size, List.of("1 one", "4 two é\r", "5 " + "x".repeat(16), "6 too long", "7 last"));
  }

  @Test
  void cutsARandomTextLikeASplit() {
    Random random = new Random(7);
    StringBuilder text = new StringBuilder();
    List<String> expected = new ArrayList<>();
    for (int i = 1; i <= 2_000; i++) {
      String line = "a".repeat(random.nextInt(MAX + 4));
      text.append(line).append('\n');
      if (line.length() > MAX) {
        expected.add(i + " too long");
      } else if (!line.isEmpty()) {
        expected.add(i + " " + line);
      }
    }
    verify(text.toString(), 1 + random.nextInt(64), expected);
  }

  @Test
  void keepsNothingOfALineThatIsTooLong() {
    // A gigabyte without an end.
    Flux<DataBuffer> body =
        Flux.range(0, 16_384)
            .map(i -> BUFFERS.wrap("z".repeat(65_536).getBytes(StandardCharsets.UTF_8)));
    StepVerifier.create(LineSplitter.split(body, MAX).map(LineSplitterTests::text))
        .expectNext("1 too long")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void anEmptyBodyHasNoLines() {
    verify("", 1, List.of());
  }

  @Test
  void readsTheBodyOnlyAsLinesAreWanted() {
    TestPublisher<DataBuffer> body = TestPublisher.create();
    StepVerifier.create(LineSplitter.split(body.flux(), MAX).map(LineSplitterTests::text), 0)
        .thenRequest(1)
        .then(() -> body.next(buffer("a\nb\nc\n")))
        .expectNext("1 a")
        .then(() -> body.assertMaxRequested(1))
        .thenRequest(2)
        .expectNext("2 b", "3 c")
        .thenCancel()
        .verify(BOUND);
    body.assertCancelled();
    assertReleased();
  }

  private void verify(String text, int size, List<String> expected) {
    Flux<DataBuffer> body =
        Flux.fromIterable(cut(text.getBytes(StandardCharsets.UTF_8), size)).map(this::buffer);
    StepVerifier.create(LineSplitter.split(body, MAX).map(LineSplitterTests::text).collectList())
        .assertNext(lines -> assertThat(lines).isEqualTo(expected))
        .expectComplete()
        .verify(BOUND);
    assertReleased();
  }

  private void assertReleased() {
    assertThat(made).allMatch(buffer -> buffer.getNativeBuffer().refCnt() == 0);
  }

  private DataBuffer buffer(String text) {
    return buffer(text.getBytes(StandardCharsets.UTF_8));
  }

  private DataBuffer buffer(byte[] bytes) {
    NettyDataBuffer buffer = BUFFERS.allocateBuffer(bytes.length);
    buffer.write(bytes);
    made.add(buffer);
    return buffer;
  }

  private static List<byte[]> cut(byte[] bytes, int size) {
    List<byte[]> pieces = new ArrayList<>();
    for (int from = 0; from < bytes.length; from += size) {
      pieces.add(Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + size)));
    }
    return pieces;
  }

  private static String text(LineSplitter.Line line) {
    return line.number()
        + " "
        + (line.text() == null
            ? "too long"
            : StandardCharsets.UTF_8.decode(line.text().duplicate()).toString());
  }
}
