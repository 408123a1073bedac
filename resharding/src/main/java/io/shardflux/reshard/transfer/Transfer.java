package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.transfer.Capture.Changes;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.LongPredicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Makes the moving rows of one table the same on the target as they are on the source: a range of
 * keys at a time while it copies, and the rows of noted changes at any time. What is on the target
 * is replaced in a transaction that a former owner can't commit. So doing a piece twice does no
 * harm. Several lanes put different rows at a time; those of one key are put one after the other.
 */
@Internal
public final class Transfer {

  private static final int CHANGES = 500;
  private static final int MOST_PIECES = 20;

  /** Changes that are applied at once where many wait, and the characters of their keys. */
  private static final int MOST_CHANGES = 32_768;

  private static final long MOST_LENGTH = 2 << 20;

  /** Rows of changes that are taken off the target at once. */
  private static final int CLEARED = 10_000;

  /** Chunks of a lane between two looks at the changes. */
  private static final int CHUNKS = 3;

  /** Differences by which rows are copied anew as a range. */
  private static final int MANY = 2_000;

  private static final int DUPLICATE = 1062;

  /** The condition of no row. */
  private static final String NONE = "FALSE";

  private final Capture capture;
  private final Owned owned;
  private final boolean joins;

  /** The first is that of all other statements, too. */
  private final List<RowCopy> lanes;

  private final ChunkSize size = new ChunkSize();

  /** The changes that are read at once. */
  private final AtomicInteger reach;

  private final Mono<Boolean> upserts;

  public Transfer(Session source, Session target, Capture capture, Owned owned) {
    this(List.of(new Lane(source, target)), capture, owned, false);
  }

  private Transfer(List<Lane> lanes, Capture capture, Owned owned, boolean joins) {
    this.lanes = lanes.stream().map(lane -> new RowCopy(lane, capture, owned)).toList();
    this.capture = capture;
    this.owned = owned;
    this.joins = joins;
    this.upserts = capture.table().upserts(target()).cache();
    this.reach = new AtomicInteger(piece());
  }

  private List<Lane> pairs() {
    return lanes.stream().map(RowCopy::lane).toList();
  }

  /** The same while routers write the rows of both sides; see {@link Joined}. */
  public Transfer joined() {
    return new Transfer(pairs(), capture, owned, true);
  }

  /** The same with further connections. */
  public Transfer with(List<Lane> more) {
    return new Transfer(
        Stream.concat(pairs().stream(), more.stream()).toList(), capture, owned, joins);
  }

  /** The same the other way, by what is noted on the target. */
  public Transfer back() {
    return new Transfer(pairs().stream().map(Lane::back).toList(), capture, owned, false);
  }

  public Session source() {
    return lanes.get(0).lane().source();
  }

  public Session target() {
    return lanes.get(0).lane().target();
  }

  public Capture capture() {
    return capture;
  }

  /** Bounds each statement of all lanes from now on, or does no longer. */
  public void hurry(boolean hurry) {
    for (RowCopy each : lanes) {
      each.lane().source().hurry(hurry);
      each.lane().target().hurry(hurry);
    }
  }

  private RowCopy first() {
    return lanes.get(0);
  }

  private MovedTable table() {
    return capture.table();
  }

  /** The key at which a range of so many rows ends; empty if the rest has fewer. */
  public Mono<List<String>> bound(List<String> after, int rows) {
    return bound(new KeyRange(after, List.of()), rows);
  }

  /** The key of the last of so many moving rows; empty if there are fewer. */
  public Mono<List<String>> boundOfMoving(List<String> after, int rows) {
    String condition =
        new KeyRange(after, List.of()).condition(table()) + " AND " + capture.moving();
    return source()
        .rows(table().bound(condition, rows), row -> table().key(row, 0))
        .singleOrEmpty();
  }

  private Mono<List<String>> bound(KeyRange range, int rows) {
    return first().bound(range, rows);
  }

  /** Rows that are copied between two looks at the changes. */
  public int rows() {
    return size.rows() * lanes.size() * CHUNKS;
  }

  /** Copies the moving rows of a range of keys; gives how many there were. */
  public Mono<Long> copy(KeyRange range) {
    return copied(range)
        .onErrorResume(
            Transfer::isDuplicate,
            // A row that was copied before has changed since, and its change is not yet applied.
            duplicate -> caughtUp().then(copied(range)));
  }

  /** Takes the moving rows of a range off the target. */
  public Mono<Void> emptied(KeyRange range) {
    return first().emptied(range.condition(table()));
  }

  /** A part of a range with so many rows; only the last one may have fewer. */
  private record Chunk(KeyRange range, int rows, boolean last) {}

  /** A chunk with its rows; none at the end. */
  private record Read(@Nullable Chunk chunk, Rows rows) {}

  /** No change is applied meanwhile: it would be newer than what was read. */
  private Mono<Long> copied(KeyRange range) {
    return chunks(range)
        .map(ConcurrentLinkedQueue::new)
        .flatMap(left -> onLanes(lane -> copied(lane, left)));
  }

  private Mono<List<Chunk>> chunks(KeyRange range) {
    return Mono.defer(() -> chunk(range, size.rows()))
        .expand(
            chunk ->
                chunk.last()
                    ? Mono.empty()
                    : chunk(new KeyRange(chunk.range().upTo(), range.upTo()), chunk.rows()))
        .collectList();
  }

  private Mono<Chunk> chunk(KeyRange left, int rows) {
    return bound(left, rows)
        .filter(upTo -> !upTo.equals(left.upTo()))
        .map(upTo -> new Chunk(new KeyRange(left.after(), upTo), rows, false))
        .defaultIfEmpty(new Chunk(left, rows, true));
  }

  /** Copies chunks over a lane until none is left. */
  private Mono<Long> copied(RowCopy lane, Queue<Chunk> left) {
    return Ahead.written(
        () -> {
          Chunk next = left.poll();
          return next == null
              ? Mono.just(new Read(null, Rows.of("", 0, null)))
              : lane.read(next.range().condition(table())).map(read -> new Read(next, read));
        },
        read -> read.chunk() == null,
        read -> read.chunk() == null ? Mono.just(0L) : written(lane, read.chunk(), read.rows()));
  }

  private Mono<Long> written(RowCopy lane, Chunk chunk, Rows read) {
    seen(chunk, read.bytes());
    return lane.written(chunk.range(), chunk.rows(), read);
  }

  private void seen(Chunk chunk, long bytes) {
    if (!chunk.last()) {
      size.seen(chunk.rows(), bytes);
    }
  }

  /** Has each lane do its share; one that fails leaves the others time to end what they do. */
  private Mono<Long> onLanes(Function<RowCopy, Mono<Long>> work) {
    AtomicLong sum = new AtomicLong();
    return Mono.whenDelayError(
            lanes.stream().map(lane -> work.apply(lane).doOnNext(sum::addAndGet)).toList())
        .onErrorMap(error -> Exceptions.unwrapMultiple(error).get(0))
        .then(Mono.fromSupplier(sum::get));
  }

  /** Does the work with each of some parts, one after the other over each lane. */
  private <T> Mono<Long> onLanes(List<T> parts, BiFunction<RowCopy, T, Mono<Long>> work) {
    Queue<T> left = new ConcurrentLinkedQueue<>(parts);
    return onLanes(
        lane ->
            Mono.fromSupplier(left::poll)
                .flatMap(part -> work.apply(lane, part))
                .repeat(() -> !left.isEmpty())
                .reduce(0L, Long::sum));
  }

  public static boolean isDuplicate(Throwable error) {
    return error instanceof R2dbcException said && said.getErrorCode() == DUPLICATE;
  }

  /** Puts rows while no writer can change them on the side that {@link Joined} locks first. */
  private Mono<Void> putHeld(String condition) {
    RowCopy lane = first();
    Mono<Void> copied =
        Joined.isolated(
            source(), lane.readLocked(condition).flatMap(rows -> putJoined(lane, rows)));
    return Joined.sourceFirst(this)
        ? copied
        : Joined.isolated(
            target(),
            Capture.check(target(), owned)
                .then(target().rows(table().locking(condition), row -> 1).then())
                .then(copied));
  }

  /** In the transaction that is open on the target, or in one of its own. */
  private Mono<Void> putJoined(RowCopy lane, Rows rows) {
    Mono<Void> replaced = lane.replaced(rows, table().deleteByKey(rows.condition()));
    return Joined.sourceFirst(this)
        ? target().inTransaction(Capture.check(target(), owned).then(replaced))
        : replaced;
  }

  /** Applies what waits, until there is little more than what writers add meanwhile. */
  public Mono<Void> caughtUp() {
    return joins
        ? applied().repeat().takeUntil(count -> count < Joined.ROWS).then()
        : passed(NONE, reach::get, all -> false).then();
  }

  /**
   * The same of all tables, of which one must not fall behind while another catches up: they have
   * to at the end, while writers wait. Writers may be too fast for that: then it goes over all
   * tables until no fewer changes wait than before.
   */
  public static Mono<Void> caughtUp(List<Transfer> all) {
    return Mono.defer(
        () -> {
          Rounds rounds = new Rounds();
          return Flux.fromIterable(all)
              .concatMap(Transfer::keptUp)
              .then(Mono.defer(() -> round(all)))
              .repeat()
              .takeUntil(rounds::areEnough)
              .then();
        });
  }

  private static Mono<Applied> round(List<Transfer> all) {
    return Flux.fromIterable(all)
        .concatMap(
            each ->
                each.applied(each.reach.get())
                    .map(count -> new Applied(count, count < each.piece())))
        .reduce(new Applied(0, true), Applied::and);
  }

  /** How many changes were applied, and whether they were all that waited. */
  private record Applied(long count, boolean all) {

    private Applied and(Applied other) {
      return new Applied(count + other.count, all && other.all);
    }
  }

  /** Sees when further rounds would lead nowhere. */
  private static final class Rounds {

    private static final int IN_VAIN = 5;

    private long least = Long.MAX_VALUE;
    private int inVain;

    private boolean areEnough(Applied applied) {
      inVain = applied.count() < least ? 0 : inVain + 1;
      least = Math.min(least, applied.count());
      return applied.count() < CHANGES
          || (inVain >= IN_VAIN && (applied.all() || applied.count() < MOST_CHANGES));
    }
  }

  /** Applies what waits, but not for long where writers are faster. */
  public Mono<Void> keptUp() {
    return keptUp(NONE);
  }

  /**
   * The same, but forgets the changes of rows that are copied later. These are read as they are
   * then.
   */
  public Mono<Void> keptUp(KeyRange left) {
    return keptUp(left.condition(table()));
  }

  private Mono<Void> keptUp(String skipped) {
    return passed(skipped, reach::get, all -> all >= (long) MOST_PIECES * piece()).then();
  }

  /**
   * Applies all that waits, where writers add no more.
   *
   * @param late asked between two pieces; it errors with {@link BehindException} once that is so
   */
  public Mono<Void> drained(BooleanSupplier late) {
    return passed(NONE, this::piece, all -> late.getAsBoolean())
        .repeat()
        .takeUntil(count -> count == 0 || late.getAsBoolean())
        .last()
        .flatMap(count -> count == 0 ? Mono.empty() : noneLeft());
  }

  /** The last piece may have been all that waited. */
  private Mono<Void> noneLeft() {
    return capture
        .oldest(source(), 1)
        .flatMap(left -> left.isEmpty() ? Mono.empty() : Mono.error(new BehindException()));
  }

  /** Tells that writers waited, and more changes had to be applied than that is good for. */
  public static final class BehindException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    BehindException() {
      super("changes: more than are applied while writers wait (expected: few)");
    }
  }

  /** The changes that are applied at once where few wait. */
  private int piece() {
    return joins ? Joined.ROWS : lanes.size() * RowCopy.KEYS;
  }

  /**
   * Applies what waits until less than a piece does; reads the next changes while the rows of
   * others are put.
   *
   * @param skipped the condition of changes that are forgotten and not applied
   * @param most changes at once
   * @param enough tells whether that many of all were enough
   */
  private Mono<Long> passed(String skipped, IntSupplier most, LongPredicate enough) {
    return Mono.defer(
        () -> {
          Unread unread = new Unread(capture, source(), skipped);
          AtomicLong all = new AtomicLong();
          return Ahead.written(
              () -> unread.next(most.getAsInt()).doOnNext(this::reached),
              changes ->
                  enough.test(all.addAndGet(changes.numbers().size()))
                      || changes.numbers().size() < piece(),
              this::applied);
        });
  }

  /** Where many wait it takes more at once, as rows that stand together cost less then. */
  private void reached(Changes read) {
    long count = read.numbers().size();
    long fitting = MOST_LENGTH * count / Math.max(1, read.length());
    reach.updateAndGet(
        now ->
            (int)
                Math.max(
                    piece(), Math.min(Math.min(MOST_CHANGES, fitting), Math.max(now, 2 * count))));
  }

  /** Errors where changes are noted that nobody sees, as their transaction is prepared. */
  public Mono<Void> nothingPrepared() {
    return Prepared.none(source(), capture.changes());
  }

  /** Applies all that waits at this moment, and not what writers add meanwhile. */
  public Mono<Void> appliedUntilNow() {
    return capture
        .bounds(source())
        .flatMap(
            now ->
                Mono.defer(this::applied)
                    .then(Mono.defer(() -> capture.bounds(source())))
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

  /** Applies the oldest changes, if there are any; gives how many. */
  public Mono<Long> applied() {
    return joins
        ? Joined.patiently(most -> capture.oldest(source(), most).flatMap(this::held), Joined.ROWS)
        : applied(piece());
  }

  private Mono<Long> applied(int most) {
    return capture.oldest(source(), most).doOnNext(this::reached).flatMap(this::applied);
  }

  private Mono<Long> applied(Changes changes) {
    return changes.isEmpty()
        ? Mono.just(0L)
        : put(changes.keys())
            .then(capture.forget(source(), owned, changes))
            .thenReturn((long) changes.numbers().size());
  }

  private Mono<Long> held(Changes changes) {
    Mono<Void> put = Mono.defer(() -> putHeld(table().in(changes.keys())));
    return changes.isEmpty()
        ? Mono.just(0L)
        : put.onErrorResume(Transfer::isDuplicate, duplicate -> cleared(put))
            .then(capture.forgetByKey(source(), owned, changes))
            .thenReturn((long) changes.numbers().size());
  }

  /** Puts the rows of some keys, as they are now. */
  private Mono<Void> put(List<List<String>> keys) {
    Mono<Void> put = Mono.defer(() -> putOnLanes(keys));
    return put.onErrorResume(Transfer::isDuplicate, duplicate -> cleared(put));
  }

  private Mono<Void> putOnLanes(List<List<String>> keys) {
    return upserts
        .flatMap(
            upserts ->
                onLanes(
                    parts(keys),
                    (lane, some) -> lane.put(some, upserts).thenReturn((long) some.size())))
        .then();
  }

  private List<List<List<String>>> parts(List<List<String>> keys) {
    int even = (keys.size() + lanes.size() - 1) / lanes.size();
    int most = Math.max(1, Math.min(even, Math.min(RowCopy.KEYS, size.rows())));
    List<List<List<String>>> parts = new ArrayList<>();
    for (int from = 0; from < keys.size(); from += most) {
      parts.add(keys.subList(from, Math.min(keys.size(), from + most)));
    }
    return parts;
  }

  /**
   * A row's unique value may still be that of a row whose own change waits. The rows of waiting
   * changes are taken off the target until there is no duplicate; they come back as these are
   * applied. A duplicate that stays is one of the application's, which the caller gets.
   */
  private Mono<Void> cleared(Mono<Void> put) {
    return clearedAfter(0, put);
  }

  private Mono<Void> clearedAfter(long number, Mono<Void> put) {
    return capture
        .oldest(source(), "shardflux_seq > " + number, NONE, CLEARED)
        .flatMap(
            changes ->
                changes.isEmpty()
                    ? put
                    : takenOff(changes.keys())
                        .then(put)
                        .onErrorResume(
                            Transfer::isDuplicate, duplicate -> clearedAfter(changes.last(), put)));
  }

  private Mono<Void> takenOff(List<List<String>> keys) {
    return Flux.fromIterable(keys)
        .buffer(RowCopy.KEYS)
        .concatMap(some -> first().emptied(table().in(some)))
        .then();
  }

  /**
   * The keys of a range whose rows differ on both sides and have no change that waits. Rows that
   * writers change at this moment are no difference: their changes are applied later.
   */
  public Mono<List<List<String>>> different(KeyRange range) {
    Queue<List<String>> keys = new ConcurrentLinkedQueue<>();
    return (joins ? caughtUp() : passed(NONE, this::piece, all -> true).then())
        .then(chunks(range))
        .flatMap(all -> onLanes(all, (lane, chunk) -> compared(lane, chunk, keys)))
        .then(Mono.fromSupplier(() -> List.copyOf(keys)));
  }

  /** Looks at some keys again. */
  public Mono<List<List<String>>> different(List<List<String>> keys) {
    return caughtUp().then(Mono.defer(() -> compare(first()).differing(table().in(keys))));
  }

  private RowCompare compare(RowCopy lane) {
    return new RowCompare(lane.lane(), capture);
  }

  private Mono<Long> compared(RowCopy lane, Chunk chunk, Queue<List<String>> different) {
    RowCompare compare = compare(lane);
    return compare
        .digests(chunk.range())
        .doOnNext(both -> seen(chunk, both.get(0).bytes()))
        .flatMap(
            both ->
                compare.same(both)
                    ? Mono.empty()
                    : compare.differing(chunk.range().condition(table())))
        .doOnNext(different::addAll)
        .thenReturn((long) chunk.rows());
  }

  /** Makes the rows of a range the same, of which those of some keys differ; gives how many. */
  public Mono<Long> mended(KeyRange range, List<List<String>> different) {
    Mono<Long> all = Mono.defer(() -> copy(range));
    return different.size() > MANY
        ? all
        : putOnLanes(different)
            .thenReturn((long) different.size())
            .onErrorResume(
                Transfer::isDuplicate,
                duplicate -> cleared(all.then()).thenReturn((long) different.size()));
  }

  /** Puts rows that differ although no change of them waits, as where a write was done in part. */
  public Mono<Void> repaired(List<List<String>> keys) {
    return Flux.fromIterable(keys)
        .buffer(Joined.ROWS)
        .concatMap(some -> Joined.patiently(most -> putHeld(table().in(some)).thenReturn(1L), 1), 1)
        .then();
  }
}
