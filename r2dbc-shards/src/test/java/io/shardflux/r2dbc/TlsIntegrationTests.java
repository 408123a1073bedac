package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.EmbeddedServers;
import io.shardflux.servers.TestServers;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.tcp.TcpClient;
import reactor.netty.tcp.TcpServer;
import reactor.test.StepVerifier;
import reactor.util.retry.Retry;

/** On embedded servers with certificates of an own authority, whichever servers are named. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TlsIntegrationTests {

  private static final Path DOCUMENT = Path.of("../src/docs/tls.md");
  private static final ShardId ID = ShardId.of("shard_0");
  private static final String KEY_PASSWORD = "k3y pass";

  /** Patient, as a handshake takes long on a busy machine. */
  private static final PoolOptions POOL =
      PoolOptions.builder().maxSize(2).connectTimeout(Duration.ofSeconds(30)).build();

  private static final Timeouts TIMES = Timeouts.of(Duration.ofSeconds(40));

  private static final String PATIENT =
      """

      pool: {connect-timeout: 30s}
      timeouts: {acquire: 40s, first-row: 40s, gap: 40s, total: 40s}
      """;

  private Path folder;

  private Certificates certificates;
  private EmbeddedServers secureServers;
  private EmbeddedServers misnamedServers;
  private EmbeddedServers plainServers;
  private int secure;
  private int misnamed;
  private int plain;

  @BeforeAll
  void start(@TempDir Path temporary) throws Exception {
    folder = temporary;
    certificates = new Certificates(folder);
    certificates.sign("server", "localhost");
    certificates.sign("misnamed", "db.example");
    var client = certificates.sign("client");
    certificates.writeEncrypted(
        "client-locked-key.pem", client.getKeyPair().getPrivate(), KEY_PASSWORD);
    secureServers = started("server");
    misnamedServers = started("misnamed");
    plainServers = EmbeddedServers.temporary(1);
    secure = port(secureServers);
    misnamed = port(misnamedServers);
    plain = port(plainServers);
    try (Access admin = new Access(url("root", secure, "REQUIRED"))) {
      admin.run("CREATE DATABASE app");
      admin.run("CREATE USER app IDENTIFIED BY 'change me'");
      admin.run("CREATE USER service IDENTIFIED BY 'change me' REQUIRE X509");
      admin.run("GRANT ALL ON app.* TO app");
      admin.run("GRANT ALL ON app.* TO service");
    }
  }

  @AfterAll
  void stop() {
    Stream.of(secureServers, misnamedServers, plainServers)
        .filter(Objects::nonNull)
        .forEach(EmbeddedServers::close);
  }

  @ParameterizedTest
  @ValueSource(strings = {"PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY", "verify_ca"})
  void aModeThatEncryptsDoesSo(String mode) {
    assertEncrypted(url("root", secure, mode) + authority(mode));
  }

  @Test
  void preferredIsTheDefault() {
    assertEncrypted("r2dbc:mysql://root@localhost:" + secure);
    assertEncrypted("r2dbcs:mysql://root@localhost:" + secure);
    assertEncrypted("r2dbc:mysql://root@localhost:" + secure + "?ssl=true");
  }

  @Test
  void disabledIsNotEncrypted() {
    assertPlain(url("root", secure, "DISABLED"));
    assertPlain("r2dbc:mysql://root@localhost:" + secure + "?ssl=false");
  }

  @Test
  void preferredIsNotEncryptedWhereTheServerHasNoTls() {
    assertPlain(url("root", plain, "PREFERRED"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"})
  void theOthersRefuseAServerWithoutTls(String mode) {
    assertRefused(
        url("root", plain, mode) + authority(mode), "Server does not support SSL but mode");
  }

  @Test
  void requiredAcceptsAnyCertificate() {
    assertEncrypted(url("root", misnamed, "REQUIRED"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"VERIFY_CA", "VERIFY_IDENTITY"})
  void anotherAuthoritysCertificateIsRefused(String mode) {
    String url = url("root", secure, mode);
    assertRefused(url + "&sslCa=" + certificates.file("other-ca.pem"), "no TLS with localhost:");
    assertRefused(url, "PKIX path");
  }

  @Test
  void anotherHostsCertificateIsRefusedByVerifyIdentityAlone() {
    assertEncrypted(url("root", misnamed, "VERIFY_CA") + authority("VERIFY_CA"));
    assertRefused(
        url("root", misnamed, "VERIFY_IDENTITY") + authority("VERIFY_IDENTITY"),
        "could not be verified");
  }

  @ParameterizedTest
  @CsvSource({
    "REQUIRED,client-key.pem,",
    "VERIFY_CA,client-key.pem,",
    "VERIFY_IDENTITY,client-locked-key.pem,k3y%20pass"
  })
  void aClientCertificateIsAccepted(String mode, String key, String password) {
    String url = url("service:change%20me", secure, mode) + authority(mode);
    assertEncrypted(
        url
            + "&sslCert="
            + certificates.file("client.pem")
            + "&sslKey="
            + certificates.file(key)
            + (password == null ? "" : "&sslKeyPassword=" + password));
  }

  @Test
  void anAccountThatRequiresACertificateRefusesWithoutOne() {
    try (Access access = new Access(url("service:change%20me", secure, "REQUIRED"))) {
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcPermissionDeniedException.class)
                      .hasMessageContaining("shard_0: Access denied"))
          .verify(BOUND);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void theVersionCanBeSet(String version) {
    try (Access access = new Access(url("root", secure, "REQUIRED") + "&tlsVersion=" + version)) {
      StepVerifier.create(access.status("Ssl_version"))
          .expectNext(version)
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void aTunnelsCertificateIsVerifiedAndItsServerSeesNoTls() throws Exception {
    DisposableServer tunnel = tunnelTo(plain);
    try {
      assertPlain(url("root", tunnel.port(), "TUNNEL") + authority("TUNNEL"));
      // The error says why, or that the connection is closed: a race in the driver.
      assertRefused(
          url("root", tunnel.port(), "TUNNEL") + "&sslCa=" + certificates.file("other-ca.pem"),
          "no ");
    } finally {
      tunnel.disposeNow(BOUND);
    }
  }

  /** The control connection that ends the statement needs the certificate too. */
  @Test
  void aCancelledStatementIsEndedOverTls() {
    String url =
        url("service:change%20me", secure, "VERIFY_IDENTITY").replace("?", "/app?")
            + authority("VERIFY_IDENTITY")
            + "&sslCert="
            + certificates.file("client.pem")
            + "&sslKey="
            + certificates.file("client-key.pem");
    try (Access access = new Access(url)) {
      access.run("CREATE TABLE n (id INT)");
      access.run("INSERT INTO n SELECT seq FROM seq_1_to_300");
      StepVerifier.create(
              access
                  .router
                  .on(ID)
                  .sql("SELECT a.id FROM n a JOIN n b JOIN n c JOIN n d")
                  .map((row, metadata) -> 1)
                  .all()
                  .take(Duration.ofSeconds(1))
                  .then())
          .expectComplete()
          .verify(BOUND);
      StepVerifier.create(
              access
                  .acquired()
                  .filter(acquired -> acquired == 0)
                  .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50)).take(200)))
          .expectNext(0)
          .expectComplete()
          .verify(BOUND);
      StepVerifier.create(
              access.value(
                  "SELECT COUNT(*) FROM information_schema.processlist"
                      + " WHERE user = 'service' AND command <> 'Sleep' AND id <> CONNECTION_ID()"))
          .expectNext("0")
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void filesAreReadForEachNewConnection() throws Exception {
    certificates.write("rotated.pem", Files.readString(Path.of(certificates.file("ca.pem"))));
    String url = url("root", secure, "VERIFY_CA") + "&sslCa=" + certificates.file("rotated.pem");
    try (Access access = new Access(url, POOL.toBuilder().maxSize(1).build())) {
      Files.delete(Path.of(certificates.file("rotated.pem")));
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(ShardUnavailableException.class)
                      .hasStackTraceContaining("rotated.pem (expected: a file that can be read)"))
          .verify(BOUND);
      certificates.write("rotated.pem", Files.readString(Path.of(certificates.file("ca.pem"))));
      StepVerifier.create(
              access.status("Ssl_cipher").retryWhen(Retry.fixedDelay(100, Duration.ofMillis(100))))
          .expectNextMatches(cipher -> !cipher.isEmpty())
          .expectComplete()
          .verify(BOUND);
    }
  }

  /** Whatever servers the tests have: MySQL makes itself a certificate at its first start. */
  @Test
  void theTestServersOwnCertificateServesRequired() {
    DatabaseServer server = TestServers.shared().servers().get(0);
    try (Access access = new Access(server.r2dbcUrl())) {
      assumeFalse(
          Objects.requireNonNull(access.status("Ssl_cipher").block(BOUND)).isEmpty(),
          "these servers have no TLS");
    }
    assertEncrypted(server.r2dbcUrl() + "?sslMode=REQUIRED");
    assertRefused(
        server.r2dbcUrl() + "?sslMode=VERIFY_CA&sslCa=" + certificates.file("ca.pem"), "PKIX path");
  }

  @ParameterizedTest
  @MethodSource("examples")
  void theDocumentsExamplesWork(String example) {
    String here =
        example
            .replace("db0.internal:3306", "localhost:" + secure)
            .replace("/etc/shardflux/", folder + File.separator);
    assertThat(here).doesNotContain("internal", "/etc/");
    try (Access access = new Access(ShardRouter.fromYaml(here + PATIENT))) {
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectNextMatches(cipher -> !cipher.isEmpty())
          .expectComplete()
          .verify(BOUND);
    }
  }

  static List<String> examples() throws Exception {
    List<String> examples =
        Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(DOCUMENT))
            .results()
            .map(found -> found.group(1))
            .toList();
    assertThat(examples).hasSizeGreaterThanOrEqualTo(2);
    return examples;
  }

  private EmbeddedServers started(String name) {
    return EmbeddedServers.temporary(
        1,
        "--ssl-ca=" + certificates.file("ca.pem"),
        "--ssl-cert=" + certificates.file(name + ".pem"),
        "--ssl-key=" + certificates.file(name + "-key.pem"));
  }

  private static int port(EmbeddedServers servers) {
    return servers.servers().get(0).port();
  }

  /** Takes TLS off and hands the rest on. */
  private DisposableServer tunnelTo(int port) throws Exception {
    SslContext tls =
        SslContextBuilder.forServer(
                new File(certificates.file("server.pem")),
                new File(certificates.file("server-key.pem")))
            .build();
    return TcpServer.create()
        .host("localhost")
        .port(0)
        .secure(spec -> spec.sslContext(tls))
        .handle(
            (in, out) ->
                TcpClient.create()
                    .host("localhost")
                    .port(port)
                    .connect()
                    .flatMap(
                        server ->
                            Mono.firstWithSignal(
                                    out.send(server.inbound().receive().retain()).then(),
                                    server.outbound().send(in.receive().retain()).then())
                                .doFinally(end -> server.dispose())))
        .bindNow(BOUND);
  }

  private static String url(String account, int port, String mode) {
    return "r2dbc:mysql://" + account + "@localhost:" + port + "?sslMode=" + mode;
  }

  private String authority(String mode) {
    boolean verifies = mode.toUpperCase(Locale.ROOT).matches("VERIFY_.*|TUNNEL");
    return verifies ? "&sslCa=" + certificates.file("ca.pem") : "";
  }

  private static void assertEncrypted(String url) {
    try (Access access = new Access(url)) {
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectNextMatches(cipher -> !cipher.isEmpty())
          .expectComplete()
          .verify(BOUND);
    }
  }

  private static void assertPlain(String url) {
    try (Access access = new Access(url)) {
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectNext("")
          .expectComplete()
          .verify(BOUND);
    }
  }

  private static void assertRefused(String url, String why) {
    try (Access access = new Access(url)) {
      StepVerifier.create(access.status("Ssl_cipher"))
          .expectErrorSatisfies(
              error ->
                  assertThat(error).hasMessageContaining("shard_0").hasStackTraceContaining(why))
          .verify(BOUND);
    }
  }

  /** A router to one server. */
  private record Access(ShardRouter router) implements AutoCloseable {

    Access(String url) {
      this(url, POOL);
    }

    Access(String url, PoolOptions bounds) {
      this(
          ShardRouter.builder()
              .shard(Shard.of(ID.value(), url))
              .pool(bounds)
              .timeouts(TIMES)
              .build());
    }

    void run(String sql) {
      router.on(ID).sql(sql).rowsUpdated().block(BOUND);
    }

    Mono<String> value(String sql) {
      return router.on(ID).sql(sql).map((row, metadata) -> String.valueOf(row.get(0))).one();
    }

    Mono<String> status(String name) {
      return router
          .on(ID)
          .sql("SHOW STATUS LIKE '" + name + "'")
          .map((row, metadata) -> Objects.requireNonNull(row.get(1, String.class)))
          .one();
    }

    Mono<Integer> acquired() {
      return router.operations().statistics().map(all -> all.get(0).pool().acquired());
    }

    @Override
    public void close() {
      router.close().block(BOUND);
    }
  }
}
