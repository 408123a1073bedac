package io.shardflux.reshard.transfer;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import io.shardflux.router.Internal;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/**
 * XA transactions that are prepared. One that the server has recovered after a restart keeps no
 * lock on the fence, and what its triggers noted is not seen; but nobody else can lock these rows.
 */
@Internal
public final class Prepared {

  private static final int MOST = 5;
  private static final int MYSQL_NO_WAIT = 3572;
  private static final int MARIADB_NO_WAIT = 1205;

  private Prepared() {}

  /** Rows of changes that are not committed, though nobody writes any more. */
  public static final class HeldException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    HeldException(Throwable cause) {
      super(
          "changes: of a transaction that is prepared (expected: committed or rolled back)", cause);
    }
  }

  /** Errors with {@link HeldException} if changes of a table are neither seen nor gone. */
  public static Mono<Void> none(Session session, String changes) {
    return session
        .rows("SELECT shardflux_seq FROM " + changes + " FOR UPDATE NOWAIT", row -> 1)
        .then()
        .onErrorMap(Prepared::isHeld, HeldException::new);
  }

  private static boolean isHeld(Throwable error) {
    return error instanceof R2dbcException said
        && (said.getErrorCode() == MYSQL_NO_WAIT || said.getErrorCode() == MARIADB_NO_WAIT);
  }

  /**
   * The prepared XA transactions of the server, as {@code XA COMMIT} and {@code XA ROLLBACK} take
   * them; empty if there are none, or the account may not see them.
   */
  public static Mono<String> named(Session session) {
    return session
        .rows(
            session.place().mariaDb() ? "XA RECOVER FORMAT='SQL'" : "XA RECOVER CONVERT XID",
            row -> name(session, row))
        .collectList()
        .map(Prepared::joined)
        .onErrorReturn(R2dbcException.class, "");
  }

  /** All of them. Errors as a statement does. */
  public static Mono<List<String>> recovered(Session side) {
    return side.rows("XA RECOVER FORMAT='SQL'", row -> name(side, row)).collectList();
  }

  private static String joined(List<String> names) {
    return names.stream().limit(MOST).collect(Collectors.joining("; "))
        + (names.size() > MOST ? "; and " + (names.size() - MOST) + " others" : "");
  }

  private static String name(Session session, Readable row) {
    String data = Objects.requireNonNull(row.get(3, String.class));
    if (session.place().mariaDb()) {
      return data;
    }
    int split = 2 + 2 * Objects.requireNonNull(row.get(1, Integer.class));
    return "X'"
        + data.substring(2, split)
        + "',X'"
        + data.substring(split)
        + "',"
        + Objects.requireNonNull(row.get(0, Long.class));
  }
}
