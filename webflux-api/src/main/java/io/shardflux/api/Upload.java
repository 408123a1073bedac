package io.shardflux.api;

import java.nio.ByteBuffer;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Stores users that come as lines, and answers each of them. Lines are read only as the shards and
 * the client's reading keep up, so that an upload of any length takes the same memory.
 */
@Component
final class Upload {

  static final int MAX_LINE_BYTES = 64 * 1024;

  private final Users users;

  Upload(Users users) {
    this.users = users;
  }

  /**
   * A line for each line of the body that is not blank, in any order, and the summary last; errors
   * only if the body does. A cancel ends the reading, and the statements under way.
   */
  Flux<NdjsonLine> store(Flux<DataBuffer> body) {
    return Flux.defer(
        () -> {
          Tally tally = new Tally();
          return users
              .insert(LineSplitter.split(body, MAX_LINE_BYTES).map(Upload::parse))
              .doOnNext(tally::count)
              .concatWith(Mono.fromSupplier(tally::summary));
        });
  }

  /** Counts the answers; used by one subscription, serially. */
  private static final class Tally {

    private long received;
    private long stored;

    void count(NdjsonLine line) {
      received++;
      stored += line instanceof NdjsonLine.Stored ? 1 : 0;
    }

    NdjsonLine summary() {
      return new NdjsonLine.UploadSummary(received, stored);
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
