package io.shardflux.r2dbc.settings;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;

import io.r2dbc.spi.ConnectionFactoryOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The options that a URL may have. The driver silently ignores an option that it does not know. */
final class DriverOptions {

  /** The driver's options that a URL can set; a test compares them with the driver's own. */
  static final List<String> OF_URLS =
      List.of(
          "ssl",
          "sslMode",
          "sslCa",
          "sslCert",
          "sslKey",
          "sslKeyPassword",
          "tlsVersion",
          "allowLoadLocalInfileInPath",
          "autodetectExtensions",
          "compressionAlgorithms",
          "connectTimeout",
          "connectionTimeZone",
          "createDatabaseIfNotExist",
          "forceConnectionTimeZoneToSession",
          "localInfileBufferSize",
          "lockWaitTimeout",
          "metrics",
          "prepareCacheSize",
          "preserveInstants",
          "queryCacheSize",
          "serverRSAPublicKeyFile",
          "serverZoneId",
          "sessionVariables",
          "statementTimeout",
          "tcpKeepAlive",
          "tcpNoDelay",
          "tinyInt1isBit",
          "unixSocket",
          "useServerPrepareStatement",
          "zeroDate",
          "zstdCompressionLevel");

  /** The driver's options that only code can set. */
  static final List<String> OF_CODE =
      List.of(
          "loopResources",
          "passwordPublisher",
          "resolver",
          "sslContextBuilderCustomizer",
          "sslHostnameVerifier");

  private static final List<String> OF_ADDRESSES =
      List.of("driver", "protocol", "host", "port", "user", "password", DATABASE.name());

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,40}");

  private DriverOptions() {}

  /**
   * Refuses options that the driver does not know, among its own options only.
   *
   * @throws IllegalArgumentException by name, unless that may be a piece of a password
   */
  static void refuseUnknown(ConnectionFactoryOptions options) {
    if (!"mysql".equals(options.getValue(DRIVER))) {
      return;
    }
    List<String> unknown = new ArrayList<>();
    boolean[] cut = {options.hasOption(Tls.KEY_PASSWORD)};
    var unused =
        ConnectionFactoryOptions.builder()
            .from(
                options,
                option -> {
                  String name = option.name();
                  if (!OF_URLS.contains(name)
                      && !OF_CODE.contains(name)
                      && !OF_ADDRESSES.contains(name)) {
                    unknown.add(name);
                    cut[0] |= isPiece(name, options.getValue(option));
                  }
                  return true;
                });
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          (cut[0] ? "an option, not shown" : unknown.get(0))
              + ": unknown (expected: one of "
              + String.join(", ", OF_URLS)
              + ")");
    }
  }

  /**
   * Tells whether a name may be a piece of a password. A {@code ?} or {@code &} in a password makes
   * options of the text behind it, up to the '@'.
   */
  private static boolean isPiece(String name, @Nullable Object value) {
    return !NAME.matcher(name).matches()
        || value == null
        || value.toString().isEmpty()
        || value.toString().indexOf('@') >= 0;
  }
}
