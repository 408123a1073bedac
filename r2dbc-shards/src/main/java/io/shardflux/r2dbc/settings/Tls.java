package io.shardflux.r2dbc.settings;

import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;
import static io.r2dbc.spi.ConnectionFactoryOptions.HOST;
import static io.r2dbc.spi.ConnectionFactoryOptions.SSL;

import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.NetUtil;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.router.Internal;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A server's TLS options, checked and with the files read. They are checked because the driver
 * ignores options that it does not know or need. The files are read because the driver reads them
 * on its event loop.
 */
@Internal
public final class Tls {

  static final Option<CharSequence> KEY_PASSWORD = Option.sensitiveValueOf("sslKeyPassword");

  private static final Option<Object> MODE = Option.valueOf("sslMode");
  private static final Option<Object> CA = Option.valueOf("sslCa");
  private static final Option<Object> CERTIFICATE = Option.valueOf("sslCert");
  private static final Option<Object> KEY = Option.valueOf("sslKey");
  private static final Option<Object> CUSTOMIZER = Option.valueOf("sslContextBuilderCustomizer");
  private static final String IDENTITY = "VERIFY_IDENTITY";
  private static final List<String> TRUSTING = List.of("DISABLED", "PREFERRED", "REQUIRED");
  private static final List<String> VERIFYING = List.of("VERIFY_CA", IDENTITY, "TUNNEL");
  private static final Set<Option<?>> FILES = Set.of(CA, CERTIFICATE, KEY, KEY_PASSWORD);
  private final ConnectionFactoryOptions options;
  private final String mode;

  private Tls(ConnectionFactoryOptions options) {
    this.options = options;
    this.mode = mode(options);
  }

  /**
   * Must be called before a URL is parsed. To R2DBC an option is a secret, and not shown, only if
   * it was one when it was first named.
   */
  static void declareSecrets() {
    var unused = KEY_PASSWORD;
  }

  /**
   * The options with the files read into memory. Blocks for the reading.
   *
   * @throws IllegalArgumentException if an option is not known, its value is wrong or a file can't
   *     be used; the message names the option and shows no secret
   */
  public static ConnectionFactoryOptions loaded(ConnectionFactoryOptions options) {
    if (!"mysql".equals(options.getValue(DRIVER))) {
      return options;
    }
    DriverOptions.refuseUnknown(options);
    Tls tls = new Tls(options);
    tls.refuseIdle();
    return tls.load();
  }

  private static String mode(ConnectionFactoryOptions options) {
    Object mode = options.getValue(MODE);
    Object ssl = options.getValue(SSL);
    if (mode == null) {
      return ssl == null
          ? "PREFERRED"
          : Boolean.parseBoolean(ssl.toString()) ? "REQUIRED" : "DISABLED";
    }
    return Stream.concat(TRUSTING.stream(), VERIFYING.stream())
        .filter(known -> known.equalsIgnoreCase(mode.toString()))
        .findAny()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "sslMode: not shown (expected: one of "
                        + String.join(", ", TRUSTING)
                        + ", "
                        + String.join(", ", VERIFYING)
                        + ")"));
  }

  /** Refuses options that would have no effect although their user relies on them. */
  private void refuseIdle() {
    if (options.hasOption(CA) && !VERIFYING.contains(mode)) {
      throw new IllegalArgumentException(
          "sslCa: without effect (expected: one of the modes "
              + String.join(", ", VERIFYING)
              + "; "
              + mode
              + " accepts any certificate)");
    }
    if (options.hasOption(CERTIFICATE) != options.hasOption(KEY)) {
      throw new IllegalArgumentException(
          (options.hasOption(KEY) ? CERTIFICATE : KEY).name()
              + ": missing (expected: both sslCert and sslKey, or none)");
    }
    if (mode.equals(IDENTITY) && isAddress(options.getValue(HOST))) {
      throw new IllegalArgumentException(
          "host: "
              + options.getValue(HOST)
              + " (expected: with sslMode VERIFY_IDENTITY the name that the certificate has;"
              + " the driver compares no addresses)");
    }
  }

  private static boolean isAddress(@Nullable Object host) {
    return host instanceof String text
        && (NetUtil.isValidIpV4Address(text) || NetUtil.isValidIpV6Address(text));
  }

  private ConnectionFactoryOptions load() {
    Function<SslContextBuilder, SslContextBuilder> certificates = authority().andThen(own());
    var unused = certificates.apply(SslContextBuilder.forClient());
    if (options.hasOption(CUSTOMIZER) || !(options.hasOption(CA) || options.hasOption(KEY))) {
      // The user's own customizer has the last word, which it has if the driver reads the files.
      return options;
    }
    return ConnectionFactoryOptions.builder()
        .from(options, option -> !FILES.contains(option))
        .option(CUSTOMIZER, certificates)
        .build();
  }

  private Function<SslContextBuilder, SslContextBuilder> authority() {
    if (!options.hasOption(CA)) {
      return Function.identity();
    }
    byte[] ca = read(CA);
    return builder ->
        checked(
            CA,
            "the certificates of authorities in PEM",
            () -> builder.trustManager(new ByteArrayInputStream(ca)));
  }

  private Function<SslContextBuilder, SslContextBuilder> own() {
    if (!options.hasOption(KEY)) {
      return Function.identity();
    }
    byte[] certificate = read(CERTIFICATE);
    byte[] key = read(KEY);
    Object secret = options.getValue(KEY_PASSWORD);
    String password = secret == null ? null : secret.toString();
    return builder ->
        checked(
            KEY,
            "a private key in PEM, PKCS#8, with its password as sslKeyPassword if it has one, and"
                + " its certificate in PEM as sslCert",
            () ->
                builder.keyManager(
                    new ByteArrayInputStream(certificate),
                    new ByteArrayInputStream(key),
                    password));
  }

  private byte[] read(Option<Object> option) {
    try {
      return Files.readAllBytes(Path.of(path(option)));
    } catch (IOException | InvalidPathException e) {
      throw refused(option, "a file that can be read", e);
    }
  }

  private SslContextBuilder checked(
      Option<Object> option, String expected, Supplier<SslContextBuilder> use) {
    try {
      return use.get();
    } catch (IllegalArgumentException e) {
      throw refused(option, "a file with " + expected, e);
    }
  }

  private IllegalArgumentException refused(Option<Object> option, String expected, Exception e) {
    return new IllegalArgumentException(
        option.name() + ": " + path(option) + " (expected: " + expected + ")", e);
  }

  private String path(Option<Object> option) {
    return String.valueOf(options.getValue(option));
  }
}
