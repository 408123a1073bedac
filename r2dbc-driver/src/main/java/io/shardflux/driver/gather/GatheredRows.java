package io.shardflux.driver.gather;

import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.router.ShardId;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;

/** The rows that were read for one statement so far, as literals. Used by one thread at a time. */
final class GatheredRows {

  /** Characters of a statement that fills a table, unless one row has more. */
  static final int CHUNK = 128 << 10;

  /** Rows of one mention and of those like it, as pieces of a list of values. */
  record OfMention(Gather.Mention mention, List<StringBuilder> chunks) {}

  private final ShardId shard;
  private final int maxRows;
  private final int maxBytes;
  private final int mostHeld;
  private final List<OfMention> all = new ArrayList<>();
  private int rows;
  private long bytes;
  private long held;
  private int rowsBefore;
  private long bytesBefore;
  private long heldBefore;

  /**
   * No rows.
   *
   * @param shard where they go to
   * @param mostHeld the characters up to which rows are held
   */
  GatheredRows(ShardId shard, int maxRows, int maxBytes, int mostHeld) {
    this.shard = shard;
    this.maxRows = maxRows;
    this.maxBytes = maxBytes;
    this.mostHeld = mostHeld;
  }

  List<OfMention> all() {
    return all;
  }

  /** The rows of a mention so far. */
  List<StringBuilder> chunks(Gather.Mention mention) {
    return all.stream()
        .filter(each -> each.mention().equals(mention))
        .findFirst()
        .orElseThrow()
        .chunks();
  }

  int rows() {
    return rows;
  }

  /** The rows of the mention that was begun last. */
  int ofLast() {
    return rows - rowsBefore;
  }

  /** The rows that may still come, and one more that tells of too many. */
  int limit() {
    return maxRows - rows + 1;
  }

  /** Begins a mention whose rows are held. */
  void begin(Gather.Mention mention) {
    all.add(new OfMention(mention, new ArrayList<>()));
    beginStreamed();
  }

  /** Begins a mention whose rows are counted only. */
  void beginStreamed() {
    rowsBefore = rows;
    bytesBefore = bytes;
    heldBefore = held;
  }

  /** Tells whether more is held than may be. */
  boolean isTooLong() {
    return held > mostHeld;
  }

  /** Tells whether the mention that was begun last would be too long to be held. */
  boolean isLastTooLong() {
    return bytes - bytesBefore > mostHeld;
  }

  /** Tells whether the mention that was begun last has so many rows. */
  boolean isLast(int number) {
    return ofLast() == number;
  }

  /** Drops the mention that was begun last, with its rows. */
  void dropLast() {
    all.remove(all.size() - 1);
    rows = rowsBefore;
    bytes = bytesBefore;
    held = heldBefore;
  }

  /** Takes a row of the mention that was begun last. */
  void add(String literals) {
    OfMention last = all.get(all.size() - 1);
    count(literals, last.mention());
    held += literals.length();
    List<StringBuilder> chunks = last.chunks();
    if (chunks.isEmpty() || chunks.get(chunks.size() - 1).length() + literals.length() > CHUNK) {
      chunks.add(new StringBuilder(literals));
    } else {
      chunks.get(chunks.size() - 1).append(',').append(literals);
    }
  }

  /** Counts a row of the mention that was begun last; an empty one can't be written down. */
  void count(String literals, Gather.Mention mention) {
    if (literals.isEmpty()) {
      throw new RefusedSqlException(
          RefusalCode.GATHERED_VALUE,
          mention.table()
              + ": a row that a server can't write down exactly, such as JSON with decimals, dates"
              + " or binary values, MariaDB's JSON that is put into a document, or one beyond"
              + " max_allowed_packet");
    }
    if (!RowText.isOfLiterals(literals)) {
      throw new OutdatedColumnsException(
          shard, mention.table() + ": a row that is not of its columns");
    }
    rows++;
    bytes += bytes(literals);
    if (rows > maxRows || bytes > maxBytes) {
      throw new RefusedSqlException(
          RefusalCode.TOO_MANY_GATHERED_ROWS,
          (rows > maxRows ? "more than " + maxRows + " rows" : "more than " + maxBytes + " bytes")
              + " to gather, the last of "
              + mention.table());
    }
  }

  private static int bytes(String text) {
    int bytes = text.length();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      bytes += c < 0x80 ? 0 : c < 0x800 ? 1 : 2;
    }
    return bytes;
  }
}
