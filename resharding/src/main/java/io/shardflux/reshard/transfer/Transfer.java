package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.transfer.Capture.Changes;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.router.Internal;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Makes the moving rows of one table the same on the target as they are on the source: a range of
 * keys at a time while it copies, and the rows of noted changes at any time. What is on the target
 * is deleted and put there anew, in one transaction that a former owner can't commit. So doing a
 * piece twice does no harm.
 *
 * @param joins whether routers write the target's rows, too; see {@link Joined}
 */
@Internal
public record Transfer(
    Session source, Session target, Capture capture, Owned owned, boolean joins) {

  /** Rows that are copied between two looks at the changes. */
  public static final int ROWS = 10_000;

  private static final int CHUNK = 2_000;
  private static final int CHANGES = 500;
  private static final int MOST_PIECES = 20;

  private static final int DUPLICATE = 1062;

  public Transfer(Session source, Session target, Capture capture, Owned owned) {
    this(source, target, capture, owned, false);
  }

  /** The same while routers write the rows of both sides. */
  public Transfer joined() {
    return new Transfer(source, target, capture, owned, true);
  }

  private MovedTable table() {
    return capture.table();
  }

  /** The same the other way, by what is noted on the target. */
  public Transfer back() {
    return new Transfer(/* source= */ target, /* target= */ source, capture, owned);
  }

  /** The key at which a range of so many rows ends; empty if the rest has fewer. */
  public Mono<List<String>> bound(List<String> after, int rows) {
    return bound(new KeyRange(after, List.of()), rows);
  }

  /** The key of the last of so many moving rows; empty if there are fewer. */
  public Mono<List<String>> boundOfMoving(List<String> after, int rows) {
    String condition =
        new KeyRange(after, List.of()).condition(table()) + " AND " + capture.moving();
    return source.rows(table().bound(condition, rows), row -> table().key(row, 0)).singleOrEmpty();
  }

  private Mono<List<String>> bound(KeyRange range, int rows) {
    return source
        .rows(table().bound(range.condition(table()), rows), row -> table().key(row, 0))
        .singleOrEmpty();
  }

  /** Copies the moving rows of a range of keys; gives how many there were. */
  public Mono<Long> copy(KeyRange range) {
    return chunks(range)
        .onErrorResume(
            Transfer::isDuplicate,
            // A row that was copied before has changed since, and its change is not yet applied.
            duplicate -> caughtUp().then(chunks(range)));
  }

  /**
   * Reads a chunk while the one before is written. No change is applied meanwhile: it would be
   * newer than what was read.
   */
  private Mono<Long> chunks(KeyRange range) {
    return Mono.defer(
        () -> {
          KeyRange[] left = {range};
          AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();
          return Flux.range(0, Integer.MAX_VALUE)
              .concatMap(number -> chunk(left), 1)
              .takeUntil(chunk -> chunk.last() || failed.get() != null)
              .concatMap(chunk -> writtenUnless(failed, chunk.rows()), 1)
              .reduce(0L, Long::sum)
              .flatMap(rows -> end(rows, failed.get()));
        });
  }

  /** Keeps the first error for the end, because the source must not be asked while it is read. */
  private Mono<Long> writtenUnless(AtomicReference<@Nullable Throwable> failed, Rows rows) {
    return failed.get() != null
        ? Mono.empty()
        : written(rows)
            .onErrorResume(
                error -> {
                  failed.set(error);
                  return Mono.empty();
                });
  }

  private static Mono<Long> end(long rows, @Nullable Throwable failed) {
    return failed == null ? Mono.just(rows) : Mono.error(failed);
  }

  /** The next rows of what is left, which gets less by them. */
  private Mono<Chunk> chunk(KeyRange[] left) {
    KeyRange range = left[0];
    return bound(range, CHUNK)
        .defaultIfEmpty(List.of())
        .flatMap(
            upTo -> {
              boolean last = upTo.isEmpty();
              KeyRange chunk = last ? range : new KeyRange(range.after(), upTo);
              left[0] = new KeyRange(upTo, range.upTo());
              return read(chunk.condition(table())).map(rows -> new Chunk(rows, last));
            });
  }

  /** Some rows of a range, of which the last ones are not followed by others. */
  private record Chunk(Rows rows, boolean last) {}

  public static boolean isDuplicate(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == DUPLICATE;
  }

  private Mono<Long> put(String condition) {
    return read(condition).flatMap(this::written);
  }

  private Mono<Rows> read(String condition) {
    String moving = condition + " AND " + capture.moving();
    return read(moving, table().joined(moving));
  }

  private Mono<Rows> readLocked(String condition) {
    return read(condition, table().joinedLocked(condition));
  }

  private Mono<Rows> read(String moving, String sql) {
    return source
        .rows(
            sql,
            row ->
                new Rows(
                    moving,
                    Objects.requireNonNull(row.get(0, Long.class)),
                    row.get(1, String.class)))
        .single();
  }

  /** Puts rows in the place of those that the target has; gives how many there are now. */
  private Mono<Long> written(Rows rows) {
    return target
        .inTransaction(Capture.check(target, owned).then(replaced(rows)))
        .thenReturn(rows.count());
  }

  private Mono<Void> replaced(Rows rows) {
    if (rows.count() > 0 && rows.text() == null) {
      return Mono.error(Rows.cut("text of no row"));
    }
    Mono<Void> inserted =
        rows.text() == null
            ? Mono.empty()
            : target.update(table().insert(rows.whole())).doOnNext(rows::check).then();
    String delete =
        joins ? table().deleteByKey(rows.condition()) : table().delete(rows.condition());
    return target.update(delete).then(inserted);
  }

  /** Puts rows while no writer can change them on the side that {@link Joined} locks first. */
  public Mono<Void> putHeld(String condition) {
    Mono<Void> copied = Joined.isolated(source, readLocked(condition).flatMap(this::put));
    return Joined.sourceFirst(this)
        ? copied
        : Joined.isolated(
            target,
            Capture.check(target, owned)
                .then(target.rows(table().locking(condition), row -> 1).then())
                .then(copied));
  }

  /** In the transaction that is open on the target, or in one of its own. */
  private Mono<Void> put(Rows rows) {
    return Joined.sourceFirst(this) ? written(rows).then() : replaced(rows);
  }

  /** All rows of a condition as literals. A server may have cut the text off. */
  private record Rows(String condition, long count, @Nullable String text) {

    String whole() {
      String all = Objects.requireNonNull(text);
      if (!all.endsWith(")")) {
        throw cut("text of " + all.length() + " characters");
      }
      return all;
    }

    void check(long inserted) {
      if (inserted != count) {
        throw cut("text of " + inserted + " rows in place of " + count);
      }
    }

    private static IllegalStateException cut(String what) {
      return new IllegalStateException(
          "chunk: cut off, a "
              + what
              + " (expected: all; raise max_allowed_packet of the source and the target)");
    }
  }

  /** Applies what waits, until there is little more than what writers add meanwhile. */
  public Mono<Void> caughtUp() {
    return applied().repeat().takeUntil(count -> count < most()).then();
  }

  private int most() {
    return joins ? Joined.ROWS : CHANGES;
  }

  /**
   * The same of all tables, of which one must not fall behind while another catches up: they have
   * to at the end, while writers wait.
   */
  public static Mono<Void> caughtUp(List<Transfer> all) {
    return Flux.fromIterable(all)
        .concatMap(Transfer::caughtUp)
        .thenMany(Flux.fromIterable(all))
        .concatMap(Transfer::applied)
        .reduce(0L, Long::sum)
        .repeat()
        .takeUntil(count -> count < CHANGES)
        .then();
  }

  /** Applies what waits, but not for long where writers are faster. */
  public Mono<Void> keptUp() {
    return applied().repeat(MOST_PIECES).takeUntil(count -> count < CHANGES).then();
  }

  /** Applies all that waits; ends only where writers add no more. */
  public Mono<Void> drained() {
    return applied().repeat().takeUntil(count -> count == 0).then();
  }

  /** Errors where changes are noted that nobody sees, as their transaction is prepared. */
  public Mono<Void> nothingPrepared() {
    return Prepared.none(source, capture.changes());
  }

  /** Applies all that waits at this moment, and not what writers add meanwhile. */
  public Mono<Void> appliedUntilNow() {
    return capture
        .bounds(source)
        .flatMap(
            now ->
                Mono.defer(this::applied)
                    .then(Mono.defer(() -> capture.bounds(source)))
                    .repeat()
                    .takeUntil(left -> left.first() > now.last())
                    .then());
  }

  /** The error of rows that stay different on both sides. */
  public IllegalStateException unlike(List<List<String>> keys, String expected) {
    return new IllegalStateException(
        "table: "
            + capture.table().name()
            + ", "
            + keys.size()
            + " rows differ on both sides, the first of key "
            + keys.get(0)
            + " (expected: "
            + expected
            + ")");
  }

  /** Applies the oldest changes, if there are any. */
  public Mono<Long> applied() {
    return joins ? Joined.patiently(this::applied, Joined.ROWS) : applied(CHANGES);
  }

  private Mono<Long> applied(int most) {
    return capture
        .oldest(source, most)
        .flatMap(
            changes ->
                changes.isEmpty()
                    ? Mono.just(0L)
                    : applied(changes).thenReturn((long) changes.numbers().size()));
  }

  private Mono<Long> applied(Changes changes) {
    if (joins) {
      return putHeld(table().in(changes.keys()))
          .onErrorResume(
              Transfer::isDuplicate,
              duplicate -> cleared().then(putHeld(table().in(changes.keys()))))
          .then(capture.forgetByKey(source, owned, changes));
    }
    return put(table().in(changes.keys()))
        .onErrorResume(
            Transfer::isDuplicate, duplicate -> cleared().then(put(table().in(changes.keys()))))
        .then(capture.forget(source, owned, changes));
  }

  /**
   * A row's unique value may still be that of a row whose own change waits. The rows of all waiting
   * changes are taken off the target; they come back as these are applied. A duplicate that stays
   * is one of the application's, which the caller gets.
   */
  private Mono<Void> cleared() {
    return capture
        .oldest(source, 20 * CHANGES)
        .flatMap(
            all ->
                target.inTransaction(
                    Capture.check(target, owned)
                        .then(
                            target.update(
                                table()
                                    .delete(table().in(all.keys()) + " AND " + capture.moving())))
                        .then()));
  }

  /**
   * The keys of a range whose rows differ on both sides and have no change that waits. Rows that
   * writers change at this moment are no difference: their changes are applied later.
   */
  public Mono<List<List<String>>> different(KeyRange range) {
    String condition = range.condition(table()) + " AND " + capture.moving();
    return caughtUp()
        .then(Mono.defer(() -> same(condition)))
        .flatMap(same -> same ? Mono.just(List.of()) : differing(condition));
  }

  /** Looks at some keys again. */
  public Mono<List<List<String>>> different(List<List<String>> keys) {
    return caughtUp()
        .then(Mono.defer(() -> differing(table().in(keys) + " AND " + capture.moving())));
  }

  /** Makes the rows of a range the same, of which those of some keys differ; gives how many. */
  public Mono<Long> mended(KeyRange range, List<List<String>> different) {
    return different.size() > CHUNK
        ? copy(range)
        : Flux.fromIterable(different)
            .buffer(CHANGES)
            .concatMap(keys -> put(table().in(keys)))
            .then(Mono.just((long) different.size()))
            .onErrorResume(Transfer::isDuplicate, duplicate -> cleared().then(copy(range)));
  }

  /** Puts rows that differ although no change of them waits, as where a write was done in part. */
  public Mono<Void> repaired(List<List<String>> keys) {
    return Flux.fromIterable(keys)
        .buffer(Joined.ROWS)
        .concatMap(some -> Joined.patiently(most -> putHeld(table().in(some)).thenReturn(1L), 1), 1)
        .then();
  }

  private Mono<Boolean> same(String condition) {
    String sql = table().checksum(condition);
    return Mono.zip(checksum(source, sql), checksum(target, sql), String::equals);
  }

  private static Mono<String> checksum(Session session, String sql) {
    return session
        .rows(
            sql,
            row -> {
              long rows = Objects.requireNonNull(row.get(0, Long.class));
              long written = Objects.requireNonNull(row.get(1, Long.class));
              if (written != rows) {
                throw Rows.cut("text of " + written + " rows in place of " + rows);
              }
              return rows + " " + row.get(2, String.class);
            })
        .single();
  }

  private Mono<List<List<String>>> differing(String condition) {
    return Mono.zip(hashes(source, condition), hashes(target, condition), Transfer::differing)
        .flatMap(
            keys ->
                keys.isEmpty()
                    ? Mono.just(keys)
                    // A change that came between both looks waits by now.
                    : capture
                        .pending(source, keys)
                        .map(
                            pending ->
                                keys.stream().filter(key -> !pending.contains(key)).toList()));
  }

  private Mono<Map<List<String>, String>> hashes(Session session, String condition) {
    int last = table().primary().size();
    return session
        .rows(
            table().hashes(condition),
            row ->
                Map.entry(table().key(row, 0), Objects.requireNonNull(row.get(last, String.class))))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue);
  }

  private static List<List<String>> differing(
      Map<List<String>, String> source, Map<List<String>, String> target) {
    Set<List<String>> keys = new LinkedHashSet<>(source.keySet());
    keys.addAll(target.keySet());
    keys.removeIf(key -> Objects.equals(source.get(key), target.get(key)));
    return List.copyOf(keys);
  }
}
