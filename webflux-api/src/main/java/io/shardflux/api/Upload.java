package io.shardflux.api;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** Rows of one INSERT at most. */
  static final int BATCH = 200;

  /** How long lines wait for others to be stored with. */
  static final Duration MAX_WAIT = Duration.ofMillis(5);

  private static final int MAX_GATHERED = 2_000;
  private static final int GATHERINGS_AT_ONCE = 2;
  private static final int LOOKUPS_AT_ONCE = 64;

  private final ShardRouter router;
  private final Users users;

  Upload(ShardRouter router, Users users) {
    this.router = router;
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
          return LineSplitter.split(body, MAX_LINE_BYTES)
              .map(Upload::parse)
              .bufferTimeout(gathered(), MAX_WAIT, true)
              .flatMap(this::storeAll, GATHERINGS_AT_ONCE)
              .doOnNext(tally::count)
              .concatWith(Mono.fromSupplier(tally::summary));
        });
  }

  /** A line that was read: a user, or what is wrong with it. */
  private sealed interface Entry {

    record Good(Users.Numbered user) implements Entry {}

    record Bad(NdjsonLine.Refused answer) implements Entry {}
  }

  /** A user and its shard. */
  private record Placed(Users.Numbered user, ShardId shard) {}

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

  /** Enough for a full batch for every shard. */
  private int gathered() {
    return Math.min(BATCH * router.topology().shards().size(), MAX_GATHERED);
  }

  private static Entry parse(LineSplitter.Line line) {
    try {
      ByteBuffer text = line.text();
      if (text == null) {
        throw Refusal.of(
            "too_long",
            HttpStatus.CONTENT_TOO_LARGE,
            "line above " + MAX_LINE_BYTES + " bytes (expected: at most as many)");
      }
      return new Entry.Good(new Users.Numbered(line.number(), UserReader.read(text)));
    } catch (Refusal refusal) {
      return new Entry.Bad(new NdjsonLine.Refused(line.number(), refusal.failure()));
    }
  }

  private Flux<NdjsonLine> storeAll(List<Entry> entries) {
    List<NdjsonLine> refused = new ArrayList<>();
    List<Users.Numbered> good = new ArrayList<>();
    for (Entry entry : entries) {
      if (entry instanceof Entry.Good some) {
        good.add(some.user());
      } else if (entry instanceof Entry.Bad bad) {
        refused.add(bad.answer());
      }
    }
    return Flux.fromIterable(good)
        .flatMapSequential(user -> place(user, refused), LOOKUPS_AT_ONCE)
        .collectList()
        .flatMapMany(placed -> Flux.merge(Flux.fromIterable(refused), storePlaced(placed)));
  }

  /** The user with its shard; without one it is added to the refused, and nothing is given. */
  private Mono<Placed> place(Users.Numbered user, List<NdjsonLine> refused) {
    return users
        .locate(user.user().id())
        .map(shard -> new Placed(user, shard))
        .onErrorResume(
            error -> {
              Failure failure = Failure.of(error);
              synchronized (refused) {
                refused.add(new NdjsonLine.Refused(user.line(), failure));
              }
              return Mono.empty();
            });
  }

  private Flux<NdjsonLine> storePlaced(List<Placed> placed) {
    Map<ShardId, List<Users.Numbered>> byShard = new LinkedHashMap<>();
    placed.forEach(
        one -> byShard.computeIfAbsent(one.shard(), shard -> new ArrayList<>()).add(one.user()));
    List<Flux<NdjsonLine>> shards = new ArrayList<>();
    byShard.forEach((shard, some) -> shards.add(storeOn(shard, some)));
    return Flux.merge(shards);
  }

  private Flux<NdjsonLine> storeOn(ShardId shard, List<Users.Numbered> some) {
    return Flux.fromIterable(some).buffer(BATCH).concatMap(batch -> users.insert(shard, batch));
  }
}
