package io.shardflux.r2dbc.atomic;

import io.shardflux.router.ShardId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A shard's database, as far as transactions name it.
 *
 * @param key a hash of the id in its table, of its name and of the shard's: a copy of a database
 *     has the same id, but is another shard, or has another name
 */
record Place(ShardId shard, String key) {

  /** The characters of a key. */
  static final int LENGTH = 16;

  static Place of(ShardId shard, String id, String database) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest((id + ' ' + database + ' ' + shard).getBytes(StandardCharsets.UTF_8));
      return new Place(shard, HexFormat.of().formatHex(digest, 0, LENGTH / 2));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256: unknown (expected: known to every Java)", e);
    }
  }
}
