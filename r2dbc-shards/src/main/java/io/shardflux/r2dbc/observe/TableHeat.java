package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.datasketches.frequencies.ErrorType;
import org.apache.datasketches.frequencies.ItemsSketch;
import org.jspecify.annotations.Nullable;

/**
 * The keys that one table is most asked for by, over the current minute and the two before it: a
 * frequent-items sketch for each, so that old heat fades.
 *
 * <p>The sketch is Anderson, Bevan, Lang, Liberty, Rhodes and Thaler, <i>A High-Performance
 * Algorithm for Identifying Frequent Items in Data Streams</i> (IMC 2017), as Apache DataSketches
 * has it. It is exact up to {@link #CAPACITY} different keys; beyond, its bounds on a key are at
 * most 3.5 / {@link #MAP_SIZE} of its minute's records apart.
 *
 * <p>It holds at most {@link #MAX_HELD} keys by reference and 50 kB besides: 0.6 MB where keys are
 * integers, 3.1 MB where they are texts of the greatest length that is kept. A key whose parts have
 * more than {@link #MAX_TEXT} characters together, where each part counts as 20 at least, is not
 * counted.
 *
 * <p>Threads put their keys into one of a few small buffers. A thread that fills a buffer takes it
 * to the sketch, unless another thread is there. So no recording thread waits. Where all buffers
 * are taken or full the key is skipped, and counted as one that any key may have been.
 */
final class TableHeat {

  static final int TOP = 20;
  static final int MAP_SIZE = 1_024;
  static final int CAPACITY = MAP_SIZE * 3 / 4;
  static final int MAX_TEXT = 128;

  static final Duration SLICE = Duration.ofMinutes(1);
  static final int SLICES = 3;

  private static final int PART_TEXT = 20;
  private static final int BUFFERS = 8;
  private static final int BUFFER_SIZE = 128;
  private static final int WORTH_EMPTYING = BUFFER_SIZE / 2;

  /** A sketch's map keeps what it deleted in a slot until the slot is used again. */
  static final int MAX_HELD = SLICES * MAP_SIZE + BUFFERS * BUFFER_SIZE;

  private final LongSupplier clock;
  private final long start;
  private final List<Buffer> buffers = Stream.generate(Buffer::new).limit(BUFFERS).toList();

  /** Keys skipped by slice: its number in the upper half, their count in the lower one. */
  private final AtomicLongArray skipped = new AtomicLongArray(SLICES);

  /** Guards the slices; a recording thread only ever tries it. */
  private final ReentrantLock lock = new ReentrantLock();

  private final List<Slice> slices =
      IntStream.range(0, SLICES).mapToObj(number -> new Slice(number)).toList();

  TableHeat(LongSupplier clock) {
    this.clock = clock;
    this.start = clock.getAsLong();
  }

  /** Counts a key; waits for nothing. */
  void record(ShardKey key) {
    if (tooLong(key)) {
      return;
    }
    long slice = slice();
    int first = (int) Thread.currentThread().getId();
    for (int i = 0; i < BUFFERS; i++) {
      if (buffers.get((first + i) & (BUFFERS - 1)).add(key, slice)) {
        return;
      }
    }
    skip(slice);
  }

  /**
   * The {@value #TOP} keys with the highest {@link HotKey#atLeast()}, the highest first; fewer
   * where fewer came. Takes some milliseconds, and waits as long for another reader.
   */
  List<HotKey> top() {
    lock.lock();
    try {
      long now = slice();
      long unseen = buffers.stream().mapToLong(Buffer::emptyForReader).sum();
      List<Slice> seen = slices.stream().filter(slice -> slice.within(now)).toList();
      long uncounted = unseen + skippedWithin(now);
      return keys(seen).stream()
          .map(key -> hotKey(key, seen, uncounted))
          .sorted(Comparator.comparingLong(HotKey::atLeast).reversed())
          .limit(TOP)
          .toList();
    } finally {
      lock.unlock();
    }
  }

  private static Set<ShardKey> keys(List<Slice> slices) {
    Set<ShardKey> keys = new HashSet<>();
    for (Slice slice : slices) {
      for (ItemsSketch.Row<ShardKey> row :
          slice.sketch.getFrequentItems(ErrorType.NO_FALSE_NEGATIVES)) {
        keys.add(row.getItem());
      }
    }
    return keys;
  }

  private static HotKey hotKey(ShardKey key, List<Slice> slices, long uncounted) {
    long atLeast = 0;
    long atMost = uncounted;
    for (Slice slice : slices) {
      atLeast += slice.sketch.getLowerBound(key);
      atMost += slice.sketch.getUpperBound(key);
    }
    return new HotKey(key, atLeast, atMost);
  }

  private static boolean tooLong(ShardKey key) {
    int length = 0;
    for (int i = 0; i < key.size(); i++) {
      length += key.part(i) instanceof String text ? Math.max(text.length(), PART_TEXT) : PART_TEXT;
    }
    return length > MAX_TEXT;
  }

  private long slice() {
    return (clock.getAsLong() - start) / SLICE.toNanos();
  }

  private void skip(long slice) {
    skipped.accumulateAndGet(
        (int) (slice % SLICES),
        slice << Integer.SIZE,
        (held, none) -> (held >>> Integer.SIZE == slice ? held : none) + 1);
  }

  private long skippedWithin(long now) {
    return IntStream.range(0, SLICES)
        .mapToLong(skipped::get)
        .filter(held -> now - (held >>> Integer.SIZE) < SLICES)
        .map(held -> held & 0xFFFF_FFFFL)
        .sum();
  }

  /** One minute's counts; guarded by the lock. */
  private static final class Slice {

    private final ItemsSketch<ShardKey> sketch = new ItemsSketch<>(MAP_SIZE);
    private long number;

    Slice(long number) {
      this.number = number;
    }

    boolean within(long now) {
      return now - number < SLICES;
    }

    /** Keys of a slice that was let go meanwhile are let go too. */
    void count(@Nullable ShardKey[] keys, int size, long slice) {
      if (slice > number) {
        sketch.reset();
        number = slice;
      }
      for (int i = 0; i < size && slice == number; i++) {
        sketch.update(keys[i]);
      }
    }
  }

  /** Keys of one slice on their way to its sketch; the thread that sets {@code taken} has it. */
  private final class Buffer {

    private final AtomicBoolean taken = new AtomicBoolean();
    private final @Nullable ShardKey[] keys = new @Nullable ShardKey[BUFFER_SIZE];
    private int size;
    private long slice;

    /**
     * Adds a key.
     *
     * @return whether it took the key
     */
    boolean add(ShardKey key, long slice) {
      if (!taken.compareAndSet(false, true)) {
        return false;
      }
      try {
        return hasRoomFor(slice) && put(key, slice);
      } finally {
        taken.set(false);
      }
    }

    private boolean hasRoomFor(long next) {
      boolean due = size >= WORTH_EMPTYING || (size > 0 && slice != next);
      if (due && lock.tryLock()) {
        try {
          empty();
        } finally {
          lock.unlock();
        }
      }
      return size == 0 || (size < BUFFER_SIZE && slice == next);
    }

    private boolean put(ShardKey key, long next) {
      keys[size++] = Objects.requireNonNull(key);
      slice = next;
      return true;
    }

    /**
     * The number of keys that the buffer may hold and that could not be taken out, because a thread
     * was putting one in.
     */
    int emptyForReader() {
      if (!taken.compareAndSet(false, true)) {
        return BUFFER_SIZE;
      }
      try {
        empty();
        return 0;
      } finally {
        taken.set(false);
      }
    }

    private void empty() {
      slices.get((int) (slice % SLICES)).count(keys, size, slice);
      Arrays.fill(keys, 0, size, null);
      size = 0;
    }
  }
}
