package io.shardflux.servers;

import java.util.regex.Pattern;

/**
 * One database on one server. Immutable; {@link #toString()} holds no password.
 *
 * @param server the server that holds it
 * @param name letters, digits and underscores, at most 64
 */
public record Database(DatabaseServer server, String name) {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_]{1,64}");

  /**
   * Checks the name.
   *
   * @param server see {@link #server()}
   * @param name see {@link #name()}
   * @throws IllegalArgumentException if the name has other characters than letters, digits and
   *     underscores, or is too long
   */
  public Database {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "database: '" + name + "' (expected: 1 to 64 letters, digits and underscores)");
    }
  }

  /** {@return the URL to connect to this database} It holds the password. */
  public String r2dbcUrl() {
    return server.r2dbcUrl() + "/" + name;
  }

  @Override
  public String toString() {
    return server + "/" + name;
  }
}
