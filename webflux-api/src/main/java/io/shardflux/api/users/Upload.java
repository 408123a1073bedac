package io.shardflux.api.users;

import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.UserReader;
import io.shardflux.api.wire.LineSplitter;
import io.shardflux.api.wire.NdjsonLine;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Stores users that come as lines, and answers each of them. Lines are read only as fast as the
 * shards and the client's reading keep up, so that an upload of any length takes the same memory.
 */
@Internal
@Component
public final class Upload {

  static final int MAX_LINE_BYTES = 64 * 1024;

  private final Users users;

  Upload(Users users) {
    this.users = users;
  }

  /**
   * A line for each line of the body that is not blank, in any order, and the summary last. If the
   * body is refused on the way, a refusal comes in place of the summary. Errors only if the body
   * does otherwise. A cancel ends the reading, and the statements under way.
   */
  public Flux<NdjsonLine> store(Flux<DataBuffer> body) {
    return Flux.defer(
        () -> {
          Tally tally = new Tally();
          return users
              .insert(
                  LineSplitter.split(body, MAX_LINE_BYTES)
                      .doOnNext(tally::read)
                      .map(Upload::parse)
                      .onErrorResume(Refusal.class, tally::refused))
              .doOnNext(tally::count)
              .concatWith(Mono.fromSupplier(tally::last));
        });
  }

  /** Counts the answers; used by one subscription, serially. */
  private static final class Tally {

    private long received;
    private long stored;
    private volatile long lastLine;
    private volatile @Nullable Refusal refusal;

    void read(LineSplitter.Line line) {
      lastLine = line.number();
    }

    /** Ends the lines. Those that came whole are still stored and answered. */
    <T> Mono<T> refused(Refusal why) {
      refusal = why;
      return Mono.empty();
    }

    void count(NdjsonLine line) {
      received++;
      stored += line instanceof NdjsonLine.Stored ? 1 : 0;
    }

    NdjsonLine last() {
      Refusal why = refusal;
      return why == null
          ? new NdjsonLine.UploadSummary(received, stored)
          : new NdjsonLine.Refused(lastLine + 1, why.failure());
    }
  }

  private static Users.Entry parse(LineSplitter.Line line) {
    try {
      ByteBuffer text = line.text();
      if (text == null) {
        throw Refusal.of(
            "too_long",
            HttpStatus.CONTENT_TOO_LARGE,
            "line above " + MAX_LINE_BYTES + " bytes (expected: at most as many)");
      }
      return new Users.Entry.Good(line.number(), UserReader.read(text));
    } catch (Refusal refusal) {
      return new Users.Entry.Bad(line.number(), refusal);
    }
  }
}
