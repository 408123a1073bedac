package io.shardflux.api;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.UserReader;
import io.shardflux.router.UnroutableKeyException;
import java.net.URI;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.reactive.result.method.annotation.ResponseEntityExceptionHandler;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.UnsupportedMediaTypeStatusException;
import reactor.core.publisher.Mono;

/** Turns every error into a problem of RFC 9457, in words that are safe to show. */
@RestControllerAdvice
final class Problems extends ResponseEntityExceptionHandler {

  private static final Logger log = LoggerFactory.getLogger(Problems.class);
  private static final String EXPECTED_PATH =
      " (expected: /users, /users/{id}, /shards, /shards/route, /shards/explain or"
          + " /actuator/health)";
  private static final String RETRY_AFTER_SECONDS = "1";

  static final Failure UNEXPECTED =
      new Failure("error", HttpStatus.INTERNAL_SERVER_ERROR, "unexpected; the log says why");

  @ExceptionHandler({
    Refusal.class,
    R2dbcException.class,
    TimeoutException.class,
    UnroutableKeyException.class
  })
  Mono<ResponseEntity<Object>> failed(Exception error, ServerWebExchange exchange) {
    return answer(error, Failure.of(error), exchange);
  }

  @ExceptionHandler
  Mono<ResponseEntity<Object>> unexpected(Exception error, ServerWebExchange exchange) {
    if (!exchange.getResponse().isCommitted()) {
      log.error("{} {}", exchange.getRequest().getMethod(), exchange.getRequest().getPath(), error);
    }
    return answer(error, UNEXPECTED, exchange);
  }

  @Override
  protected Mono<ResponseEntity<Object>> handleResponseStatusException(
      ResponseStatusException error,
      HttpHeaders headers,
      HttpStatusCode status,
      ServerWebExchange exchange) {
    if (status.value() == HttpStatus.NOT_FOUND.value()) {
      return failed(noSuchPath(exchange.getRequest().getPath().value()), exchange);
    }
    return super.handleResponseStatusException(error, headers, status, exchange);
  }

  @Override
  protected Mono<ResponseEntity<Object>> handleUnsupportedMediaTypeStatusException(
      UnsupportedMediaTypeStatusException error,
      HttpHeaders headers,
      HttpStatusCode status,
      ServerWebExchange exchange) {
    Object type = error.getContentType() == null ? "none" : error.getContentType();
    error.setDetail(
        "Content-Type: " + type + " (expected: one of " + error.getSupportedMediaTypes() + ")");
    return super.handleUnsupportedMediaTypeStatusException(error, headers, status, exchange);
  }

  static Refusal noSuchPath(String path) {
    return Refusal.of(
        "not_found", HttpStatus.NOT_FOUND, "path: " + UserReader.cut(path) + EXPECTED_PATH);
  }

  /** The path, written so that it is not a host's name where it begins with two slashes. */
  static URI instance(ServerWebExchange exchange) {
    String path = exchange.getRequest().getPath().value();
    return URI.create(path.startsWith("//") ? "/." + path : path);
  }

  @Override
  protected Mono<ResponseEntity<Object>> createResponseEntity(
      @Nullable Object body,
      @Nullable HttpHeaders headers,
      HttpStatusCode status,
      ServerWebExchange exchange) {
    if (body instanceof ProblemDetail problem && problem.getInstance() == null) {
      problem.setInstance(instance(exchange));
    }
    return super.createResponseEntity(body, headers, status, exchange);
  }

  private Mono<ResponseEntity<Object>> answer(
      Exception error, Failure failure, ServerWebExchange exchange) {
    if (exchange.getResponse().isCommitted()) {
      // The answer has begun: all that is left is to cut the connection.
      return Mono.error(error);
    }
    ProblemDetail problem = ProblemDetail.forStatusAndDetail(failure.status(), failure.message());
    problem.setProperty("code", failure.code());
    if (!failure.errors().isEmpty()) {
      problem.setProperty("errors", failure.errors());
    }
    HttpHeaders headers = new HttpHeaders();
    if (failure.status() == HttpStatus.SERVICE_UNAVAILABLE) {
      headers.set(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    if (failure.status() == HttpStatus.REQUEST_TIMEOUT) {
      // The rest of the body would be taken for the next request.
      headers.set(HttpHeaders.CONNECTION, "close");
    }
    return handleExceptionInternal(error, problem, headers, failure.status(), exchange);
  }
}
