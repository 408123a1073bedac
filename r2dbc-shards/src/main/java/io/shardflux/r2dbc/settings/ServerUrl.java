package io.shardflux.r2dbc.settings;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;
import static io.r2dbc.spi.ConnectionFactoryOptions.HOST;
import static io.r2dbc.spi.ConnectionFactoryOptions.PASSWORD;
import static io.r2dbc.spi.ConnectionFactoryOptions.PORT;
import static io.r2dbc.spi.ConnectionFactoryOptions.PROTOCOL;
import static io.r2dbc.spi.ConnectionFactoryOptions.USER;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.router.Internal;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A server's options as a URL that several routers may read. It has neither user nor password, nor
 * an option whose name speaks of a secret. It lacks options that only code can set.
 */
@Internal
public final class ServerUrl {

  private static final Pattern SECRET =
      Pattern.compile("(?i)passw|pwd|passphrase|secret|token|credential|private");
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");
  private static final Set<Option<?>> OF_ADDRESS =
      Set.of(DRIVER, PROTOCOL, HOST, PORT, DATABASE, USER, PASSWORD);

  private ServerUrl() {}

  /**
   * The URL of a server.
   *
   * @throws IllegalArgumentException if the host or the database can't be in a URL
   */
  public static String of(ConnectionFactoryOptions server) {
    String url = address(server) + query(server);
    ConnectionFactoryOptions read = Shard.optionsOf(url);
    if (read == null || !isSame(ServerAddress.of(read), ServerAddress.of(server))) {
      throw new IllegalArgumentException(
          "url: of a host or database that a URL can't name (expected: " + ServerAddress.URL + ")");
    }
    return url;
  }

  private static String address(ConnectionFactoryOptions server) {
    ServerAddress address = ServerAddress.of(server);
    String host = address.host();
    Object protocol = server.getValue(PROTOCOL);
    return "r2dbc:"
        + server.getValue(DRIVER)
        + (protocol == null || protocol.toString().isEmpty() ? "" : ":" + protocol)
        + "://"
        + (host.indexOf(':') < 0 ? host : "[" + bare(host) + "]")
        + (server.hasOption(PORT) || isMysql(server) ? ":" + address.port() : "")
        + (address.database().isEmpty() ? "" : "/" + encoded(address.database()));
  }

  private static boolean isSame(ServerAddress one, ServerAddress other) {
    return bare(one.host()).equals(bare(other.host()))
        && one.port().equals(other.port())
        && one.database().equals(other.database());
  }

  /** A host without the brackets that an IPv6 address has in a URL. */
  private static String bare(String host) {
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  private static String query(ConnectionFactoryOptions server) {
    Map<String, String> options = new TreeMap<>();
    boolean mysql = isMysql(server);
    var unused =
        ConnectionFactoryOptions.builder()
            .from(
                server,
                option -> {
                  String value = text(server.getValue(option));
                  if (value != null && !OF_ADDRESS.contains(option) && isOpen(option, mysql)) {
                    options.put(option.name(), value);
                  }
                  return true;
                });
    return options.isEmpty()
        ? ""
        : options.entrySet().stream()
            .map(option -> option.getKey() + "=" + encoded(option.getValue()))
            .collect(Collectors.joining("&", "?", ""));
  }

  private static boolean isMysql(ConnectionFactoryOptions server) {
    return "mysql".equals(server.getValue(DRIVER));
  }

  /** Tells whether an option may be seen by all. A driver can declare an option to be a secret. */
  private static boolean isOpen(Option<?> option, boolean mysql) {
    String name = option.name();
    return !SECRET.matcher(name).find()
        && !option.toString().contains("sensitive=true")
        && (mysql ? DriverOptions.OF_URLS.contains(name) : NAME.matcher(name).matches());
  }

  /** The text of a value that a URL can have; null for an object that only code can set. */
  private static @Nullable String text(@Nullable Object value) {
    return value instanceof CharSequence
            || value instanceof Number
            || value instanceof Boolean
            || value instanceof Enum
            || value instanceof Duration
            || value instanceof ZoneId
            || value instanceof Path
        ? value.toString()
        : null;
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }
}
