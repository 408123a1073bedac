package io.shardflux.router;

import java.nio.charset.StandardCharsets;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.zip.CRC32;

/**
 * Turns a key into a number from 0 to 2<sup>32</sup> - 1, in Java and in SQL alike.
 *
 * <p>The function hashes the canonical text of the key's parts, joined by a zero byte.
 */
public enum HashFunction {
  /** CRC-32 as of ISO 3309, MySQL's {@code CRC32}. It is the fastest. */
  CRC32 {
    @Override
    long hash(ShardKey key, int from, int to) {
      CRC32 crc = CHECKSUM.get();
      crc.reset();
      crc.update(key.textBytes(from));
      for (int i = from + 1; i < to; i++) {
        crc.update(0);
        crc.update(key.textBytes(i));
      }
      return crc.getValue();
    }

    @Override
    String sql(String text) {
      return "CRC32(" + text + ")";
    }
  },
  /**
   * The first four bytes of the MD5 digest (RFC 1321), big-endian and unsigned. It spreads evenly
   * even where keys differ little.
   *
   * <p>MySQL since 9.6 has the SQL function only where {@code INSTALL COMPONENT
   * 'file://component_classic_hashing'} was called once; otherwise {@link ShardingStrategy#owns}
   * gives a condition that the server refuses. Lookups in Java need nothing of the server.
   */
  MD5 {
    @Override
    long hash(ShardKey key, int from, int to) {
      Digest md5 = DIGEST.get();
      md5.digest.update(key.textBytes(from));
      for (int i = from + 1; i < to; i++) {
        md5.digest.update((byte) 0);
        md5.digest.update(key.textBytes(i));
      }
      return md5.first32Bits();
    }

    @Override
    String sql(String text) {
      // Not CONV, which errs in MySQL where the connection's character set is UTF-16.
      String hex = "CONVERT(LEFT(MD5(" + text + "), 8) USING ascii)";
      return "INET_ATON(INET6_NTOA(UNHEX(" + hex + ")))";
    }
  };

  /** The count of possible numbers. */
  static final long SIZE = 1L << 32;

  // One per thread, so that a lookup allocates nothing.
  private static final ThreadLocal<CRC32> CHECKSUM = ThreadLocal.withInitial(CRC32::new);
  private static final ThreadLocal<Digest> DIGEST = ThreadLocal.withInitial(Digest::new);

  /** The number of the parts from {@code from} up to, not including, {@code to}; at least one. */
  abstract long hash(ShardKey key, int from, int to);

  /** The number of a text, in SQL. */
  abstract String sql(String text);

  /** The MD5 number of a bare text. */
  static long md5(String text) {
    Digest md5 = DIGEST.get();
    md5.digest.update(text.getBytes(StandardCharsets.UTF_8));
    return md5.first32Bits();
  }

  private static final class Digest {

    private final MessageDigest digest;
    private final byte[] bytes = new byte[16];

    Digest() {
      try {
        digest = MessageDigest.getInstance("MD5");
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("MD5: not there (expected: every JDK has it)", e);
      }
    }

    long first32Bits() {
      try {
        digest.digest(bytes, 0, bytes.length);
      } catch (DigestException e) {
        throw new IllegalStateException(e);
      }
      return (bytes[0] & 0xFFL) << 24
          | (bytes[1] & 0xFF) << 16
          | (bytes[2] & 0xFF) << 8
          | (bytes[3] & 0xFF);
    }
  }
}
