package io.shardflux.router;

import org.jspecify.annotations.Nullable;

/**
 * A column that is a part of a table's sharding key.
 *
 * @param name the column's name, unquoted, 1 to 64 characters
 * @param type the type of the column's values
 * @param uuid how a {@code BINARY(16)} column of the type {@link KeyType#BINARY} holds UUIDs, which
 *     are then taken for their bytes; null if it is no such column
 */
public record KeyColumn(String name, KeyType type, @Nullable UuidOrder uuid) {

  /**
   * Checks the name.
   *
   * @param name see {@link #name()}
   * @param type see {@link #type()}
   * @param uuid see {@link #uuid()}
   * @throws IllegalArgumentException if the name is empty or longer than MySQL's 64 characters, or
   *     there is an order of UUIDs for another type than {@link KeyType#BINARY}
   */
  public KeyColumn {
    if (name.isEmpty() || name.length() > 64) {
      throw new IllegalArgumentException("column: '" + name + "' (expected: 1 to 64 characters)");
    }
    if (uuid != null && type != KeyType.BINARY) {
      throw new IllegalArgumentException(
          "column " + name + ", order: " + uuid + " (expected: none, as the key is " + type + ")");
    }
  }

  /**
   * A column of a type.
   *
   * @param name the column's name, without quotes, 1 to 64 characters
   * @param type the type of the column's values
   */
  public KeyColumn(String name, KeyType type) {
    this(name, type, null);
  }

  /**
   * {@return a {@code BINARY(16)} column that holds UUIDs} Its keys may be given as UUIDs or as 16
   * bytes.
   *
   * @param name the column's name, without quotes, 1 to 64 characters
   * @param order the order of the bytes
   */
  public static KeyColumn uuid(String name, UuidOrder order) {
    return new KeyColumn(name, KeyType.BINARY, order);
  }

  /**
   * {@return an {@link KeyType#INTEGER} column}
   *
   * @param name the column's name, without quotes, 1 to 64 characters
   */
  public static KeyColumn integer(String name) {
    return new KeyColumn(name, KeyType.INTEGER);
  }

  /**
   * {@return a {@link KeyType#TEXT} column}
   *
   * @param name the column's name, without quotes, 1 to 64 characters
   */
  public static KeyColumn text(String name) {
    return new KeyColumn(name, KeyType.TEXT);
  }
}
