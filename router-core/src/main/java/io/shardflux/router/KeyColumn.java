package io.shardflux.router;

/**
 * A column that is a part of a table's sharding key.
 *
 * @param name the column's name, unquoted, 1 to 64 characters
 * @param type the type of the column's values
 */
public record KeyColumn(String name, KeyType type) {

  /**
   * Checks the name.
   *
   * @param name see {@link #name()}
   * @param type see {@link #type()}
   * @throws IllegalArgumentException if the name is empty or longer than MySQL's 64 characters
   */
  public KeyColumn {
    if (name.isEmpty() || name.length() > 64) {
      throw new IllegalArgumentException("column: '" + name + "' (expected: 1 to 64 characters)");
    }
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
