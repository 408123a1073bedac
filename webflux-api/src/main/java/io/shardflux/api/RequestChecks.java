package io.shardflux.api;

import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.UserReader;
import java.util.List;
import java.util.regex.Pattern;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.InvalidMediaTypeException;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Mono;

/** Refuses requests at which the framework below would fail with an error of the server's own. */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE)
final class RequestChecks implements WebFilter {

  /** The number that the framework sorts. */
  private static final int MAX_ACCEPTED = 50;

  private static final String HEALTH = "/actuator/health/";

  /** The name of one part or group; there are no parts of parts. */
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9_-]+");

  @Override
  public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
    String path = exchange.getRequest().getPath().value();
    if (path.startsWith(HEALTH) && !PART.matcher(path.substring(HEALTH.length())).matches()) {
      return Mono.error(Problems.noSuchPath(path));
    }
    List<String> headers = exchange.getRequest().getHeaders().getOrEmpty(HttpHeaders.ACCEPT);
    if (headers.isEmpty()) {
      return chain.filter(exchange);
    }
    List<String> accepted =
        headers.stream()
            .flatMap(header -> MimeTypeUtils.tokenize(header).stream())
            .map(String::strip)
            .filter(type -> !type.isEmpty())
            .toList();
    checkAccepted(accepted);
    return chain.filter(withAccept(exchange, accepted));
  }

  private static void checkAccepted(List<String> accepted) {
    if (accepted.size() > MAX_ACCEPTED) {
      throw notAcceptable(accepted.size() + " types (expected: at most " + MAX_ACCEPTED + ")");
    }
    for (String type : accepted) {
      try {
        MediaType.parseMediaType(type);
      } catch (InvalidMediaTypeException e) {
        throw notAcceptable(UserReader.cut(type) + " (expected: types such as application/json)");
      }
    }
  }

  private static Refusal notAcceptable(String detail) {
    return Refusal.of("invalid", HttpStatus.NOT_ACCEPTABLE, "Accept: " + detail);
  }

  /**
   * The exchange without empty parts, which mean nothing. A header without any part is left out.
   */
  private static ServerWebExchange withAccept(ServerWebExchange exchange, List<String> accepted) {
    String text = String.join(", ", accepted);
    return exchange
        .mutate()
        .request(
            request ->
                request.headers(
                    headers -> {
                      headers.remove(HttpHeaders.ACCEPT);
                      if (!text.isEmpty()) {
                        headers.set(HttpHeaders.ACCEPT, text);
                      }
                    }))
        .build();
  }
}
