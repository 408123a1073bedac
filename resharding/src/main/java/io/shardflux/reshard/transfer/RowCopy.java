package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Rows.CutException;
import java.util.List;
import java.util.Objects;
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

  /** Writes rows of a range that were read; gives how many. */
  Mono<Long> written(KeyRange range, int mostRows, Rows rows) {
    return written(rows).onErrorResume(CutException.class, cut -> halved(range, mostRows, cut));
  }

  private Mono<Long> copied(KeyRange range, int mostRows) {
    return read(range.condition(table())).flatMap(rows -> written(range, mostRows, rows));
  }

  private Mono<Long> halved(KeyRange range, int mostRows, CutException cut) {
    if (mostRows <= 1) {
      return alone(range.condition(table()), cut);
    }
    int half = mostRows / 2;
    return bound(range, half)
        .defaultIfEmpty(List.of())
        .flatMap(
            upTo ->
                upTo.isEmpty()
                    ? copied(range, half)
                    : copied(new KeyRange(range.after(), upTo), half)
                        .zipWhen(
                            first -> copied(new KeyRange(upTo, range.upTo()), mostRows - half),
                            Long::sum));
  }

  /** The key of the last of so many rows of a range; empty if there are fewer. */
  Mono<List<String>> bound(KeyRange range, int rows) {
    return source()
        .rows(table().bound(range.condition(table()), rows), row -> table().key(row, 0))
        .singleOrEmpty();
  }

  /** Makes the rows of some keys the same, each key of which stands there once. */
  Mono<Void> put(List<List<String>> keys, boolean upserts) {
    return read(table().in(keys))
        .flatMap(rows -> upserts && rows.count() == keys.size() ? upserted(rows) : written(rows))
        .then()
        .onErrorResume(CutException.class, cut -> halved(keys, upserts, cut));
  }

  private Mono<Void> halved(List<List<String>> keys, boolean upserts, CutException cut) {
    if (keys.size() == 1) {
      return alone(table().in(keys), cut).then();
    }
    int half = keys.size() / 2;
    return put(keys.subList(0, half), upserts)
        .then(Mono.defer(() -> put(keys.subList(half, keys.size()), upserts)));
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
