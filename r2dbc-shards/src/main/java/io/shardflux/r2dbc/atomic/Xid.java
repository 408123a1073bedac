package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Readable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The name of a transaction's branch on a server. Both parts say in which database something is, by
 * its {@linkplain Place place}, so that nobody takes a branch of another cluster for its own.
 *
 * @param transaction the name of the transaction, which begins with its lead's place
 * @param branch the place of the branch's own database, and its shard's name for people
 */
record Xid(String transaction, String branch) {

  /** Of the letters SF. */
  static final int FORMAT = 0x5346;

  private static final String PREFIX = "sf1:";
  private static final int SHOWN = 64 - Place.LENGTH - 1;

  /** The name of a transaction that a database leads. */
  static String transaction(Place lead, String unique) {
    return PREFIX + lead.key() + ":" + unique;
  }

  static Xid of(String transaction, Place place) {
    String shard = place.shard().value();
    return new Xid(
        transaction, place.key() + ":" + shard.substring(0, Math.min(shard.length(), SHOWN)));
  }

  /** The name in a row of {@code XA RECOVER}; null if it is none of ours. */
  static @Nullable Xid of(Readable row) {
    long format = Objects.requireNonNull(row.get(0, Long.class));
    int length = Objects.requireNonNull(row.get(1, Integer.class));
    String data = text(Objects.requireNonNull(row.get(3)));
    if (format != FORMAT || !data.startsWith(PREFIX) || length > data.length()) {
      return null;
    }
    Xid found = new Xid(data.substring(0, length), data.substring(length));
    return found.readable() ? found : null;
  }

  private static String text(Object data) {
    return data instanceof ByteBuffer bytes
        ? StandardCharsets.ISO_8859_1.decode(bytes.duplicate()).toString()
        : String.valueOf(data);
  }

  /** Tells whether nothing in it needs an escape, as in those that a router makes. */
  private boolean readable() {
    return transaction.length() > PREFIX.length() + Place.LENGTH
        && branch.length() > Place.LENGTH
        && (transaction + branch)
            .chars()
            .allMatch(c -> Character.isLetterOrDigit(c) || ":_.-".indexOf(c) >= 0);
  }

  /** The key of the lead's place. */
  String lead() {
    return lead(transaction);
  }

  static String lead(String transaction) {
    return transaction.substring(PREFIX.length(), PREFIX.length() + Place.LENGTH);
  }

  /** Tells whether a text may be the name of a transaction. */
  static boolean isTransaction(String text) {
    return text.length() <= 64
        && text.startsWith(PREFIX)
        && new Xid(text, "0".repeat(Place.LENGTH + 1)).readable();
  }

  /** The key of the place of the branch. */
  String place() {
    return branch.substring(0, Place.LENGTH);
  }

  /** The name as SQL has it. */
  String sql() {
    return "'" + transaction + "','" + branch + "'," + FORMAT;
  }
}
