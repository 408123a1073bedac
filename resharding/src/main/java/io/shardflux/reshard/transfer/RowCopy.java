package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Rows.CutException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Makes moving rows of a table the same on the target, over one lane. Rows whose literals are
 * longer than the servers take at once are halved, down to one row.
 */
record RowCopy(Lane lane, Capture capture, Owned owned) {

  /** MariaDB makes a table of a longer list of values. */
  static final int KEYS = 900;

  /** What a statement has beside its rows, and a margin. */
  private static final int OVERHEAD = 64 << 10;

  /** Rows that are deleted at once. */
  private static final int EMPTIED = 5_000;

  private static final int PARSE_ERROR = 1064;
  private static final int DEADLOCK = 1213;
  private static final int DEADLOCKS = 10;

  private MovedTable table() {
    return capture.table();
  }

  private Session source() {
    return lane.source();
  }

  private Session target() {
    return lane.target();
  }

  /** The rows of a range or of keys, which may be cut off. */
  Mono<Rows> read(String condition) {
    String moving = condition + " AND " + capture.moving();
    return read(moving, table().joined(moving));
  }

  Mono<Rows> readLocked(String condition) {
    return read(condition, table().joinedLocked(condition));
  }

  private Mono<Rows> read(String moving, String sql) {
    return source()
        .rows(
            sql,
            row ->
                Rows.of(
                    moving,
                    Objects.requireNonNull(row.get(0, Long.class)),
                    row.get(1, String.class)))
        .single();
  }

  /** A part of a range, with so many rows at most. */
  private record Part(KeyRange range, int mostRows) {}

  /** Writes rows of a range that were read; gives how many. */
  Mono<Long> written(KeyRange range, int mostRows, Rows rows) {
    Part all = new Part(range, mostRows);
    return written(rows).onErrorResume(CutException.class, cut -> inParts(all, cut));
  }

  /** One after the other, as a part that is done must not be held in memory by those behind it. */
  private Mono<Long> inParts(Part all, CutException cut) {
    Deque<Part> left = new ArrayDeque<>();
    return shortened(all, left, cut)
        .concatWith(
            Mono.defer(() -> left.isEmpty() ? Mono.empty() : copied(left.pop(), left))
                .repeat(() -> !left.isEmpty()))
        .reduce(0L, Long::sum);
  }

  private Mono<Long> copied(Part part, Deque<Part> left) {
    return read(part.range().condition(table()))
        .flatMap(this::written)
        .onErrorResume(CutException.class, cut -> shortened(part, left, cut));
  }

  /** Leaves both halves to be copied; copies the row of a part that has no other. */
  private Mono<Long> shortened(Part part, Deque<Part> left, CutException cut) {
    KeyRange range = part.range();
    if (part.mostRows() <= 1) {
      return alone(range.condition(table()), cut);
    }
    int half = part.mostRows() / 2;
    return bound(range, half)
        .map(
            upTo -> {
              left.push(new Part(new KeyRange(upTo, range.upTo()), part.mostRows() - half));
              left.push(new Part(new KeyRange(range.after(), upTo), half));
              return 0L;
            })
        .switchIfEmpty(
            Mono.fromSupplier(
                () -> {
                  left.push(new Part(range, half));
                  return 0L;
                }));
  }

  /** The key of the last of so many rows of a range; empty if there are fewer. */
  Mono<List<String>> bound(KeyRange range, int rows) {
    return source()
        .rows(table().bound(range.condition(table()), rows), row -> table().key(row, 0))
        .singleOrEmpty();
  }

  /** Makes the rows of some keys the same, each key of which stands there once. */
  Mono<Void> put(List<List<String>> keys, boolean upserts) {
    Deque<List<List<String>>> left = new ArrayDeque<>();
    left.push(keys);
    return Mono.defer(() -> put(left.pop(), upserts, left)).repeat(() -> !left.isEmpty()).then();
  }

  private Mono<Void> put(List<List<String>> keys, boolean upserts, Deque<List<List<String>>> left) {
    return read(table().in(keys))
        .flatMap(rows -> upserts && rows.count() == keys.size() ? upserted(rows) : written(rows))
        .then()
        .onErrorResume(CutException.class, cut -> shortened(keys, left, cut));
  }

  private Mono<Void> shortened(
      List<List<String>> keys, Deque<List<List<String>>> left, CutException cut) {
    if (keys.size() == 1) {
      return alone(table().in(keys), cut).then();
    }
    int half = keys.size() / 2;
    left.push(keys.subList(half, keys.size()));
    left.push(keys.subList(0, half));
    return Mono.empty();
  }

  /** A row that is longer than rows may be together, but not longer than a server takes. */
  private Mono<Long> alone(String condition, CutException cut) {
    String moving = condition + " AND " + capture.moving();
    return source()
        .rows(
            table().alone(moving),
            row -> {
              String text = row.get(0, String.class);
              Rows one = Rows.of(moving, 1, text);
              if (text == null || one.bytes() > target().place().packet() - OVERHEAD) {
                throw tooLong(table().key(row, 1), cut);
              }
              return one;
            })
        .singleOrEmpty()
        .defaultIfEmpty(Rows.of(moving, 0, null))
        .flatMap(row -> inTransaction(stored(row, table().delete(moving))).thenReturn(row.count()));
  }

  private IllegalStateException tooLong(List<String> key, CutException cut) {
    return new IllegalStateException(
        "table: "
            + table().name()
            + ", the row of key "
            + key
            + " is too long as literals, of which a byte has two digits (expected: shorter than"
            + " max_allowed_packet, which is "
            + source().place().packet()
            + " on "
            + source().shard()
            + " and "
            + target().place().packet()
            + " on "
            + target().shard()
            + "; raise it on both)",
        cut);
  }

  /** Puts rows in the place of those that the target has; gives how many there are now. */
  Mono<Long> written(Rows rows) {
    return inTransaction(replaced(rows)).thenReturn(rows.count());
  }

  /** Takes the moving rows of a condition off the target, some at a time. */
  Mono<Void> emptied(String condition) {
    String some = table().delete(condition + " AND " + capture.moving()) + " LIMIT " + EMPTIED;
    AtomicLong deleted = new AtomicLong();
    return inTransaction(target().update(some).doOnNext(deleted::set).then())
        .repeat(() -> deleted.get() == EMPTIED)
        .then();
  }

  private Mono<Long> upserted(Rows rows) {
    return inTransaction(Mono.defer(() -> inserted(table().upsert(whole(rows).literals()))).then())
        .thenReturn(rows.count());
  }

  private Mono<Void> inTransaction(Mono<Void> work) {
    return target()
        .inTransaction(Capture.check(target(), owned).then(work))
        .retryWhen(Retry.max(DEADLOCKS).filter(RowCopy::isDeadlock));
  }

  private static boolean isParseError(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == PARSE_ERROR;
  }

  private static boolean isDeadlock(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == DEADLOCK;
  }

  /** The same in the transaction that is open on the target. */
  Mono<Void> replaced(Rows rows) {
    return replaced(rows, table().delete(rows.condition()));
  }

  Mono<Void> replaced(Rows rows, String delete) {
    return Mono.defer(() -> stored(whole(rows), delete));
  }

  private Mono<Void> stored(Rows rows, String delete) {
    Mono<Void> inserted =
        rows.count() == 0
            ? Mono.empty()
            : inserted(table().insert(rows.literals()))
                .doOnNext(count -> check(rows, count))
                .then();
    return target().update(delete).then(inserted);
  }

  private static void check(Rows rows, long inserted) {
    if (inserted != rows.count()) {
      throw new CutException("text of " + inserted + " rows in place of " + rows.count());
    }
  }

  private Rows whole(Rows rows) {
    return rows.whole(mostBytes());
  }

  private long mostBytes() {
    long packets = Math.min(source().place().packet(), target().place().packet() - OVERHEAD);
    return Math.min(ChunkSize.MOST_BYTES, packets);
  }

  /** A row that the server could not write down leaves a gap between commas. */
  private Mono<Long> inserted(String insert) {
    return target()
        .update(insert)
        .onErrorMap(RowCopy::isParseError, error -> new CutException("text with no row in it"));
  }
}
