package io.shardflux.api.failure;

import io.shardflux.router.Internal;
import java.util.List;
import org.springframework.http.HttpStatus;

/** A request, or a line of one, that can't be done. */
@Internal
public final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient Failure failure;

  public Refusal(Failure failure) {
    // Millions of bad lines may come: no stack trace for each.
    super(failure.message(), null, false, false);
    this.failure = failure;
  }

  public static Refusal invalid(String message) {
    return new Refusal(Failure.invalid(message, List.of()));
  }

  public static Refusal of(String code, HttpStatus status, String message) {
    return new Refusal(new Failure(code, status, message));
  }

  public Failure failure() {
    return failure;
  }
}
