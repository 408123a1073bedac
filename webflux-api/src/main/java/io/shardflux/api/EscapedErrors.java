package io.shardflux.api;

import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.wire.Json;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.stereotype.Component;
import org.springframework.web.ErrorResponse;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebExceptionHandler;
import reactor.core.publisher.Mono;

/**
 * Answers errors that {@link Problems} does not see, those of filters and of the writing of an
 * answer, in the same shape. It looks at no header of the request, because a header may be the
 * error.
 */
@Component
@Order(-2) // before Spring Boot's own, which answers in another shape
final class EscapedErrors implements WebExceptionHandler {

  private static final Logger log = LoggerFactory.getLogger(EscapedErrors.class);

  @Override
  public Mono<Void> handle(ServerWebExchange exchange, Throwable error) {
    if (exchange.getResponse().isCommitted()) {
      return Mono.error(error);
    }
    Failure failure = failure(exchange, error);
    ServerHttpResponse response = exchange.getResponse();
    response.getHeaders().clear();
    response.setStatusCode(failure.status());
    response.getHeaders().setContentType(MediaType.APPLICATION_PROBLEM_JSON);
    byte[] body =
        Json.bytes(
            json -> {
              json.writeStartObject();
              json.writeStringProperty("title", failure.status().getReasonPhrase());
              json.writeNumberProperty("status", failure.status().value());
              json.writeStringProperty("detail", failure.message());
              json.writeStringProperty("instance", Problems.instance(exchange).toString());
              json.writeStringProperty("code", failure.code());
              json.writeEndObject();
            });
    response.getHeaders().setContentLength(body.length);
    return response.writeWith(Mono.fromSupplier(() -> response.bufferFactory().wrap(body)));
  }

  private static Failure failure(ServerWebExchange exchange, Throwable error) {
    if (error instanceof Refusal refusal) {
      return refusal.failure();
    }
    if (error instanceof ErrorResponse known && known.getStatusCode().is4xxClientError()) {
      HttpStatus status = status(known.getStatusCode());
      return new Failure("invalid", status, String.valueOf(known.getBody().getDetail()));
    }
    log.error("{} {}", exchange.getRequest().getMethod(), exchange.getRequest().getPath(), error);
    return Problems.UNEXPECTED;
  }

  private static HttpStatus status(HttpStatusCode code) {
    HttpStatus status = HttpStatus.resolve(code.value());
    return status == null ? HttpStatus.BAD_REQUEST : status;
  }
}
