package io.shardflux.spring.actuate;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.atomic.InDoubt;
import io.shardflux.r2dbc.atomic.TransactionOutcome;
import io.shardflux.r2dbc.atomic.TransactionsInDoubt;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import reactor.core.publisher.Mono;

/**
 * The endpoint {@code /actuator/transactions}: transactions over shards that are in doubt. Asks all
 * shards.
 */
@Endpoint(id = "transactions")
@Internal
public final class TransactionsEndpoint {

  /** What an operator accepts who ends a transaction whose lead does not answer. */
  private static final String IN_PART = "stored-in-part";

  private static final String BY_LEAD = "its lead's decision stands; without one it is rolled back";

  private static final String BY_HAND =
      "its parts on the shards that answer are ended as wanted; if its lead has decided otherwise,"
          + " or has committed by itself, it is then stored in part";

  private final ShardRouter router;

  public TransactionsEndpoint(ShardRouter router) {
    this.router = router;
  }

  /** Those in doubt, and the shards that are not known to have none. */
  record Transactions(List<Transaction> inDoubt, Map<String, String> unanswered) {

    static Transactions of(TransactionsInDoubt all) {
      Map<String, String> unanswered = new TreeMap<>();
      all.unanswered().forEach((shard, reason) -> unanswered.put(shard.value(), reason));
      return new Transactions(
          all.transactions().stream().map(Transaction::of).toList(), unanswered);
    }
  }

  /**
   * One in doubt.
   *
   * @param endedByHand what becomes of it if it is ended by hand
   */
  record Transaction(
      String transaction,
      @Nullable String lead,
      List<String> shards,
      double seconds,
      InDoubt.State state,
      String endedByHand) {

    static Transaction of(InDoubt doubt) {
      ShardId lead = doubt.lead();
      return new Transaction(
          doubt.transaction(),
          lead == null ? null : lead.value(),
          doubt.shards().stream().map(ShardId::value).toList(),
          doubt.seen().toMillis() / 1000.0,
          doubt.state(),
          lead == null ? BY_HAND : BY_LEAD);
    }
  }

  /** The outcome of a transaction that was ended by hand. */
  record Ended(String transaction, TransactionOutcome outcome) {}

  @ReadOperation
  Mono<Transactions> transactions() {
    return router.operations().inDoubt().map(Transactions::of);
  }

  /** Empty, which is a 404, if no shard that answers has a part of it. */
  @ReadOperation
  Mono<Transaction> transaction(@Selector String transaction) {
    return transactions()
        .flatMapIterable(Transactions::inDoubt)
        .filter(each -> each.transaction().equals(transaction))
        .next();
  }

  /**
   * Ends one by hand, and answers with its outcome, which its lead may have decided otherwise.
   * Without an answer of its lead, {@code accept} must say what may come of that.
   */
  @WriteOperation
  Mono<Ended> end(
      @Selector String transaction, TransactionOutcome outcome, @Nullable String accept) {
    return transaction(transaction)
        .switchIfEmpty(
            Mono.error(
                () ->
                    refused(
                        "transaction: none in doubt of that name (expected: one that the endpoint tells)")))
        .flatMap(
            doubt ->
                doubt.lead() == null && !IN_PART.equals(accept)
                    ? Mono.error(unaccepted(doubt))
                    : router.operations().resolve(transaction, outcome))
        .map(decided -> new Ended(transaction, decided));
  }

  private static InvalidEndpointRequestException unaccepted(Transaction doubt) {
    return refused(
        "accept: none (expected: "
            + IN_PART
            + ", as no shard that answers is the lead of "
            + doubt.transaction()
            + ": "
            + BY_HAND
            + ")");
  }

  private static InvalidEndpointRequestException refused(String reason) {
    return new InvalidEndpointRequestException(reason, reason);
  }
}
