package io.shardflux.api.failure;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.router.Internal;
import io.shardflux.router.UnroutableKeyException;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpStatus;

/**
 * An error in words that are safe to show: no SQL, no credential, no stack trace. It is the same in
 * a problem and in a line of NDJSON.
 *
 * @param code a stable short name
 * @param status the status of a request that has no other answer
 * @param message a sentence for people
 * @param errors the wrong fields, or none
 */
@Internal
public record Failure(String code, HttpStatus status, String message, List<FieldError> errors) {

  private static final Logger log = LoggerFactory.getLogger(Failure.class);
  private static final int DUPLICATE_KEY = 1062;

  public Failure(String code, HttpStatus status, String message) {
    this(code, status, message, List.of());
  }

  public static Failure invalid(String message, List<FieldError> errors) {
    return new Failure("invalid", HttpStatus.BAD_REQUEST, message, errors);
  }

  public static Failure notFound(long id) {
    return new Failure("not_found", HttpStatus.NOT_FOUND, "id: " + id + ", no such user");
  }

  /** The failure of a statement that changes nothing, or may be sent again. */
  public static Failure of(Throwable error) {
    if (error instanceof Refusal refusal) {
      return refusal.failure();
    }
    if (error instanceof UnroutableKeyException) {
      return new Failure("unroutable", HttpStatus.BAD_REQUEST, message(error));
    }
    if (error instanceof ShardTimeoutException) {
      return new Failure("timeout", HttpStatus.GATEWAY_TIMEOUT, message(error));
    }
    if (error instanceof ShardUnavailableException) {
      return new Failure("unavailable", HttpStatus.SERVICE_UNAVAILABLE, message(error));
    }
    if (error instanceof R2dbcTimeoutException || error instanceof TimeoutException) {
      return new Failure("timeout", HttpStatus.GATEWAY_TIMEOUT, "the shard did not answer in time");
    }
    if (isDuplicate(error)) {
      return new Failure("duplicate", HttpStatus.CONFLICT, "a user with this id is there already");
    }
    if (error instanceof R2dbcTransientException) {
      return new Failure(
          "unavailable",
          HttpStatus.SERVICE_UNAVAILABLE,
          "the shard could not do it now; try again");
    }
    log.warn("unexpected failure", error);
    return new Failure(
        "error",
        HttpStatus.INTERNAL_SERVER_ERROR,
        "the shard refused the statement; the log says why");
  }

  /** The failure of a write that may have been done, and must not be taken for undone. */
  public static Failure unknown(Throwable error) {
    log.warn("a write's outcome is not known", error);
    return new Failure(
        "outcome_unknown",
        of(error).status(),
        "it is not known whether the user was stored; send it again, or read it, to find out");
  }

  static boolean isDuplicate(Throwable error) {
    return error instanceof R2dbcDataIntegrityViolationException integrity
        && integrity.getErrorCode() == DUPLICATE_KEY;
  }

  private static String message(Throwable error) {
    return String.valueOf(error.getMessage());
  }
}
