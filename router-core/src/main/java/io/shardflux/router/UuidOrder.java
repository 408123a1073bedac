package io.shardflux.router;

import java.nio.ByteBuffer;
import java.util.UUID;

/** The order in which a {@code BINARY(16)} column holds the bytes of a {@link UUID}. */
public enum UuidOrder {
  /** As the UUID is written, and as MySQL's {@code UUID_TO_BIN(text)} gives it. */
  PLAIN {
    @Override
    long first(UUID uuid) {
      return uuid.getMostSignificantBits();
    }
  },
  /**
   * The high and the middle part of the time before its low part, as MySQL's {@code
   * UUID_TO_BIN(text, 1)} gives it, so that UUIDs of version 1 are stored in the order of time.
   */
  SWAPPED {
    @Override
    long first(UUID uuid) {
      long written = uuid.getMostSignificantBits();
      return written << 48 | (written & 0xFFFF_0000L) << 16 | written >>> 32;
    }
  };

  /** The first eight bytes that are stored. */
  abstract long first(UUID uuid);

  /**
   * {@return the 16 bytes that the column holds}
   *
   * @param uuid the UUID
   */
  public byte[] bytes(UUID uuid) {
    return ByteBuffer.allocate(16)
        .putLong(first(uuid))
        .putLong(uuid.getLeastSignificantBits())
        .array();
  }
}
