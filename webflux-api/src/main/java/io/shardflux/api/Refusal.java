package io.shardflux.api;

import java.util.List;
import org.springframework.http.HttpStatus;

/** A request, or a line of one, that can't be done. */
final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient Failure failure;

  Refusal(Failure failure) {
    // Millions of bad lines may come: no stack trace for each.
    super(failure.message(), null, false, false);
    this.failure = failure;
  }

  static Refusal invalid(String message) {
    return new Refusal(Failure.invalid(message, List.of()));
  }

  static Refusal of(String code, HttpStatus status, String message) {
    return new Refusal(new Failure(code, status, message));
  }

  Failure failure() {
    return failure;
  }
}
