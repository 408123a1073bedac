package io.shardflux.r2dbc.insert;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The rows that wait for one shard, and which of them its next statement is of. Told what became of
 * each statement before it is asked for another; not thread-safe.
 */
final class InsertQueue<T> {

  /** The bytes of one statement at most, unless a single row is longer. */
  static final long MAX_BYTES = 1 << 20;

  /**
   * The rows of one statement, in order.
   *
   * @param bytes how long it may get
   */
  record Batch<T>(List<InsertRow<T>> rows, long bytes) {

    int size() {
      return rows.size();
    }
  }

  private final InsertSql sql;
  private final Deque<InsertRow<T>> waiting = new ArrayDeque<>();
  private long room = MAX_BYTES;
  private int rows;

  /** The number of rows at the head that were refused together. */
  private int suspects;

  InsertQueue(InsertSql sql) {
    this.sql = sql;
    this.rows = sql.maxRows();
  }

  void add(InsertRow<T> row) {
    waiting.add(row);
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  /** Takes the rows of the next statement: as many as there are and fit, but at least one. */
  Batch<T> next() {
    int limit = suspects > 1 ? suspects / 2 : rows;
    List<InsertRow<T>> some = new ArrayList<>(Math.min(limit, waiting.size()));
    long bytes = sql.headBytes();
    for (InsertRow<T> row = waiting.peek();
        row != null && some.size() < limit && (some.isEmpty() || bytes + row.bytes() <= room);
        row = waiting.peek()) {
      bytes += row.bytes();
      some.add(waiting.remove());
    }
    return new Batch<>(some, bytes);
  }

  /** The server takes statements of so many bytes. */
  void takes(long bytes) {
    room = Math.min(MAX_BYTES, bytes);
  }

  /** The batch was stored: the next statement may have twice as many rows. */
  void stored(Batch<T> batch) {
    if (suspects > 0) {
      suspects -= batch.size();
    } else {
      rows = Math.min(2 * rows, sql.maxRows());
    }
  }

  /**
   * It was refused for what one of its rows may be: if it has several they come again, by half. Few
   * come with the next ones, as faults seldom come alone.
   */
  void suspected(Batch<T> batch) {
    rows = 1;
    suspects = batch.size() > 1 ? batch.size() : 0;
    if (suspects > 0) {
      putBack(batch);
    }
  }

  /** The batch failed for another reason, which ends all its rows. */
  void failed() {
    suspects = 0;
  }

  /** It was not sent: its rows are the next again. */
  void putBack(Batch<T> batch) {
    for (int i = batch.size() - 1; i >= 0; i--) {
      waiting.addFirst(batch.rows().get(i));
    }
  }

  /** All that wait, in order. */
  List<InsertRow<T>> waiting() {
    return List.copyOf(waiting);
  }
}
