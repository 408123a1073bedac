package io.shardflux.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.api.failure.Refusal;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.BindResult;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.stereotype.Component;

/**
 * Who may change where rows lie: programs on this machine, where the server listens to nobody else,
 * and whoever has the token.
 */
@Component
final class Operators {

  private static final String TOKEN = "shardflux.api.operator-token";
  private static final int SHORTEST = 16;
  private static final String SCHEME = "bearer ";

  /** A proxy, or a page in a browser, speaks for somebody else. */
  private static final List<String> OF_OTHERS =
      List.of(
          "Forwarded",
          "Via",
          "X-Forwarded-For",
          "X-Forwarded-Host",
          "X-Forwarded-Proto",
          "X-Real-IP",
          "Sec-Fetch-Site",
          HttpHeaders.ORIGIN);

  private final byte @Nullable [] token;
  private final boolean local;

  Operators(Environment environment) {
    String said = environment.getProperty(TOKEN);
    if (said != null && said.length() < SHORTEST) {
      throw new IllegalArgumentException(
          TOKEN + ": too short (expected: at least " + SHORTEST + " characters)");
    }
    this.token = said == null ? null : said.getBytes(UTF_8);
    this.local = listensToThisMachine(environment);
  }

  private static boolean listensToThisMachine(Environment environment) {
    BindResult<InetAddress> address =
        Binder.get(environment).bind("server.address", InetAddress.class);
    return address.isBound() && address.get().isLoopbackAddress();
  }

  /**
   * Lets an operator's request pass.
   *
   * @throws Refusal if it is of anybody else
   */
  void check(ServerHttpRequest request) {
    if (!(local && isOfThisMachine(request)) && !hasToken(request)) {
      throw Refusal.of(
          "forbidden",
          HttpStatus.FORBIDDEN,
          "for operators (expected: a request over loopback to a server with a server.address of"
              + " loopback, or Authorization: Bearer with the value of "
              + TOKEN
              + ")");
    }
  }

  private static boolean isOfThisMachine(ServerHttpRequest request) {
    InetSocketAddress from = request.getRemoteAddress();
    return from != null
        && !from.isUnresolved()
        && from.getAddress().isLoopbackAddress()
        && OF_OTHERS.stream().noneMatch(request.getHeaders()::containsHeader);
  }

  private boolean hasToken(ServerHttpRequest request) {
    String given = request.getHeaders().getFirst(HttpHeaders.AUTHORIZATION);
    return token != null
        && given != null
        && given.toLowerCase(Locale.ROOT).startsWith(SCHEME)
        && MessageDigest.isEqual(token, given.substring(SCHEME.length()).getBytes(UTF_8));
  }
}
