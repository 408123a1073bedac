package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.api.request.UserReader;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** No request, however odd, is a fault of the server's: each is done, or refused as a problem. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
final class OddRequestsIntegrationTests {

  private static final JsonMapper JSON = new JsonMapper();

  private static final int GENERATED = 200;
  private static final long SEED = Long.getLong("shardflux.odd.seed", 7);

  /** The answers of a server that is well. */
  private static final Set<Integer> ALLOWED_FAILURES = Set.of(503, 504);

  private static final List<String> METHODS =
      List.of(
          "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO", "get", "a-b");

  private static final List<String> PATHS =
      List.of(
          "/users",
          "/users/1",
          "/shards",
          "/shards/route",
          "/shards/explain",
          "/actuator",
          "/actuator/health",
          "/actuator/health/liveness",
          "/error",
          "/");

  private static final List<String> TAILS =
      List.of(
          "",
          "/",
          "//",
          "/..",
          "/../",
          "/..%2fenv",
          "/%2e%2e/env",
          "/%2F",
          "/%5c..%5c",
          "/%00",
          "/%",
          "/%zz",
          "/%ff%fe",
          "/%c3%28",
          "/;a=b",
          ";jsessionid=1",
          ";",
          "/{id}",
          "/*",
          "/**",
          "/1/2/3",
          "/\u00e9",
          "/[",
          "/|",
          "/\\",
          "/a b",
          "/%20",
          "/.",
          "/%2e",
          "/x:y",
          "#f",
          "/^",
          "/\"",
          "/-1",
          "/9223372036854775808",
          "/1e3",
          "/%31",
          "/env",
          "/shards",
          "/WEB-INF/x");

  private static final List<String> QUERIES =
      List.of(
          "",
          "?",
          "??",
          "?&&",
          "?=",
          "?ids",
          "?ids=",
          "?ids=,",
          "?ids=1,1",
          "?ids=%zz",
          "?ids=%",
          "?ids=1&ids=2",
          "?order=%00",
          "?timeout=999999999s",
          "?timeout=1ms",
          "?timeout=%C3%28",
          "?table=users&key=1e9",
          "?table=users&key=",
          "?table=users&key=%ff",
          "?table=users&key",
          "?table=users&key=-0",
          "?%75sers",
          "?a[]=1",
          "?a={b}",
          "?x=${jndi}",
          "?ids=1;2",
          "?|",
          "?table=users&key=" + "9".repeat(400),
          "?\u00e9",
          "?ids=\u0007");

  private static final List<String> HEADERS =
      List.of(
          "X-None: 1",
          "Accept: " + "a/b, ".repeat(400) + "c/d",
          "Accept: x",
          "Accept: */*;q=2",
          "Accept: application/json;q=NaN",
          "Accept: ,",
          "Accept: text/html",
          "Accept: application/json;charset=nope",
          "Accept:",
          "Content-Type: x",
          "Content-Type: application/json;charset=nope",
          "Content-Type: */*",
          "Content-Type: application/json",
          "Content-Type: application/x-ndjson",
          "Content-Type: application/*",
          "Content-Type: multipart/form-data",
          "Content-Type: ;",
          "Content-Type:",
          "Content-Encoding: gzip",
          "Accept-Encoding: \u00ff",
          "Accept-Language: *-x, zz;q=9, -",
          "Accept-Charset: nope",
          "Origin: null",
          "Origin: http://a b",
          "Origin: http://x.example\r\nAccess-Control-Request-Method: FOO",
          "If-None-Match: \"",
          "If-Modified-Since: yesterday",
          "Range: bytes=9-1",
          "Cookie: ;;=;a=\u0001",
          "Cookie: " + "a=b; ".repeat(300),
          "Host: a b",
          "Host: [::1",
          "Host: x:99999",
          "Forwarded: for=\";",
          "X-Forwarded-Host: a b\r\nX-Forwarded-Port: x",
          "X-Forwarded-Prefix: //\r\nX-Forwarded-Proto: \u00e9",
          "X-HTTP-Method-Override: FOO",
          "Expect: 100-continue",
          "Expect: nope",
          "Upgrade: websocket",
          "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x",
          "Transfer-Encoding: chunked",
          "Content-Length: x",
          "No colon",
          "X: " + "y".repeat(9_000));

  private static final List<String> BODIES =
      List.of(
          "",
          "{}",
          "[]",
          "null",
          "\u0000",
          "\u00ff\u00fe",
          "{\"id\":1e400}",
          "{\"id\":1E+2147483647,\"username\":\"a\",\"email\":\"a@b\",\"name\":\"n\"}",
          "{\"sql\":\"SELECT 1\",\"binds\":[1E+2147483647]}",
          "{\"sql\":\"SELECT name FROM users WHERE id = ?\",\"binds\":[1E+2147483647]}",
          "{\"sql\":\"SELECT name FROM users WHERE id = ?\",\"binds\":[1E-2147483647]}",
          "{\"sql\":\"SELECT name FROM users WHERE id = ?\",\"binds\":[" + "9".repeat(2_000) + "]}",
          "{\"sql\":\"\\u0000\"}",
          "{\"sql\":\"SELECT \\ud800\"}",
          "{\"sql\":\"SELECT '\",\"binds\":{}}",
          "{\"sql\":\"SELECT :a\",\"binds\":{\"a\":\"\\udfff\",\"b\":1}}",
          "{\"sql\":\"SELEC 1\"}",
          "{\"sql\":\"SELECT - -9223372036854775808 FROM users\"}",
          "{\"sql\":\"" + "(".repeat(20_000) + "\"}",
          "[".repeat(5_000),
          "{\"a\":".repeat(2_000),
          "{\"id\":" + "9".repeat(5_000) + "}",
          "\n\n{\n",
          "x".repeat(66_000));

  private final TestApplication application;

  OddRequestsIntegrationTests() throws IOException {
    application = TestApplication.on(TestServers.shared().freshDatabases("odd"));
  }

  @AfterAll
  void stop() {
    application.close();
  }

  /** A request as it is sent, and how it reads in a failure. */
  private record Odd(String method, String target, List<String> headers, String body) {

    byte[] bytes() {
      StringBuilder text = new StringBuilder(method + " " + target + " HTTP/1.1\r\n");
      headers.forEach(header -> text.append(header).append("\r\n"));
      if (headers.stream().noneMatch(header -> header.startsWith("Host:"))) {
        text.append("Host: localhost\r\n");
      }
      boolean chunked = headers.contains("Transfer-Encoding: chunked");
      if (!chunked) {
        text.append("Content-Length: ").append(body.length()).append("\r\n");
      }
      text.append("\r\n");
      if (chunked && !body.isEmpty()) {
        text.append(Integer.toHexString(body.length())).append("\r\n").append(body).append("\r\n");
      }
      text.append(chunked ? "0\r\n\r\n" : body);
      return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public String toString() {
      return UserReader.cut(method + " " + target)
          + " "
          + cut(headers.toString())
          + " "
          + cut(body);
    }

    private static String cut(String text) {
      return text.length() <= 60 ? text : text.substring(0, 60) + "…";
    }
  }

  /** Each odd part alone on a plain request, so that no other hides it. */
  private static Stream<Odd> single() {
    Odd plain = new Odd("GET", "/users/1", List.of(), "");
    return Stream.of(
            METHODS.stream()
                .flatMap(
                    method ->
                        PATHS.stream()
                            .map(path -> new Odd(method, path, plain.headers(), plain.body()))),
            TAILS.stream()
                .flatMap(
                    tail ->
                        PATHS.stream()
                            .map(path -> new Odd("GET", path + tail, List.of(), plain.body()))),
            Stream.of("//", "///", "*", "http://x/users", "http://a b/", "users", "//x/users", "/%")
                .map(target -> new Odd("GET", target, List.of(), "")),
            QUERIES.stream()
                .flatMap(
                    query ->
                        PATHS.stream().map(path -> new Odd("GET", path + query, List.of(), ""))),
            HEADERS.stream()
                .flatMap(
                    header ->
                        PATHS.stream().map(path -> new Odd("GET", path, List.of(header), ""))),
            BODIES.stream()
                .flatMap(
                    body ->
                        Stream.of("/users", "/shards/explain", "/none")
                            .map(
                                path ->
                                    new Odd(
                                        "POST",
                                        path,
                                        List.of("Content-Type: application/json"),
                                        body))))
        .flatMap(requests -> requests);
  }

  private static Stream<Odd> generated() {
    Random random = new Random(SEED);
    return IntStream.range(0, GENERATED)
        .mapToObj(
            i ->
                new Odd(
                    one(METHODS, random),
                    one(PATHS, random) + one(TAILS, random) + one(QUERIES, random),
                    List.of(one(HEADERS, random), one(HEADERS, random)),
                    one(BODIES, random)));
  }

  @Test
  void answersEachAsDoneOrAsAProblem() {
    List<String> wrong = new ArrayList<>();
    Stream.concat(single(), generated()).forEach(request -> check(request, wrong));
    assertThat(wrong).as("seed %d", SEED).isEmpty();
  }

  private void check(Odd request, List<String> wrong) {
    try (RawHttp http = RawHttp.kept(application.port())) {
      http.request(request.bytes());
      String head = http.head();
      int status = Integer.parseInt(head.split(" ", 3)[1]);
      String body = request.method().equals("HEAD") ? "" : http.body(head);
      if (status >= 500 && !ALLOWED_FAILURES.contains(status)) {
        wrong.add(status + " to " + request);
      } else if (status >= 400 && !body.isEmpty() && !isProblem(body, head, status)) {
        wrong.add(status + " " + body + " to " + request);
      }
    } catch (IOException e) {
      wrong.add(e + " to " + request);
    }
  }

  private static boolean isProblem(String body, String head, int status) {
    JsonNode problem = JSON.readTree(body);
    return head.contains("application/problem+json")
        && problem.path("status").asInt() == status
        && problem.has("title");
  }

  private static String one(List<String> texts, Random random) {
    return texts.get(random.nextInt(texts.size()));
  }
}
