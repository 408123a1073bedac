package io.shardflux.servers;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Pattern;

/**
 * One MySQL-compatible server and the account to use on it. Immutable.
 *
 * @param host name or address; an IPv6 address stands in brackets
 * @param port 1 to 65535
 * @param user account name
 * @param password may be empty; never part of {@link #toString()} or of an error
 */
public record DatabaseServer(String host, int port, String user, String password) {

  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+]");
  private static final Duration STATEMENT_BOUND = Duration.ofSeconds(30);

  /**
   * Checks the values.
   *
   * @param host see {@link #host()}
   * @param port see {@link #port()}
   * @param user see {@link #user()}
   * @param password see {@link #password()}
   * @throws IllegalArgumentException if the host or the user is blank or the port is out of range
   */
  public DatabaseServer {
    if (!HOST.matcher(host).matches()) {
      throw new IllegalArgumentException("host: '" + host + "' (expected: a name or an address)");
    }
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
    if (user.isBlank()) {
      throw new IllegalArgumentException("user: '" + user + "' (expected: an account name)");
    }
  }

  /** {@return the URL to reach this server with no database chosen} It holds the password. */
  public String r2dbcUrl() {
    String account = encode(user) + (password.isEmpty() ? "" : ":" + encode(password));
    return "r2dbc:mysql://" + account + "@" + address();
  }

  /** {@return {@code host:port}} */
  public String address() {
    return host + ":" + port;
  }

  /**
   * Makes a database with binary, case-sensitive UTF-8 text, or leaves an existing one as it is.
   * Blocks for at most 30 s; must not be called from an event loop.
   *
   * @param name letters, digits and underscores, at most 64
   * @return the database, on this server
   * @throws IllegalArgumentException for any other name
   * @throws IllegalStateException if the server does not answer or refuses
   */
  public Database createDatabase(String name) {
    Database database = new Database(this, name);
    Sql.run(
        this,
        "CREATE DATABASE IF NOT EXISTS `" + name + "` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        STATEMENT_BOUND);
    return database;
  }

  @Override
  public String toString() {
    return user + "@" + address();
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
