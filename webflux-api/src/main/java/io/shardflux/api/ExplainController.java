package io.shardflux.api;

import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.ExplainRequest;
import io.shardflux.api.users.JsonBody;
import io.shardflux.driver.Explanation;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.router.UnroutableKeyException;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/** The route {@code /shards/explain}: says what would be done for a statement, which is not run. */
@RestController
final class ExplainController {

  private final ShardfluxConnectionFactory factory;

  ExplainController(ShardfluxConnectionFactory factory) {
    this.factory = factory;
  }

  /**
   * An {@link Explanation}. A refusal is an answer here and not a failure, because it was asked
   * for.
   */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record PlanView(
      List<PartView> shards, @Nullable String merge, int heldRows, @Nullable RefusalView refusal) {

    static PlanView of(Explanation plan) {
      RefusedSqlException refused = plan.refusal();
      return new PlanView(
          plan.parts().stream()
              .map(part -> new PartView(part.shard().value(), part.sql()))
              .toList(),
          plan.merge(),
          plan.heldRows(),
          refused == null ? null : RefusalView.of(refused));
    }
  }

  /** The text that a shard would be sent. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record PartView(String shardId, String sql) {}

  /** The reason why nothing would be sent, and what to do instead. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record RefusalView(String code, String reason, String wayOut) {

    static RefusalView of(RefusedSqlException refused) {
      return new RefusalView(refused.code().name(), refused.reason(), refused.wayOut());
    }
  }

  @PostMapping(
      path = "/shards/explain",
      consumes = MediaType.APPLICATION_JSON_VALUE,
      produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<PlanView> explain(ServerWebExchange exchange) {
    return JsonBody.of(exchange)
        .map(ExplainRequest::read)
        .flatMap(request -> request.by(factory))
        .map(PlanView::of)
        .onErrorMap(
            ExplainController::isOfValues,
            error -> Refusal.invalid(String.valueOf(error.getMessage())));
  }

  /**
   * Tells whether the values are not those of the markers, which the driver reports by such an
   * error.
   */
  private static boolean isOfValues(Throwable error) {
    return error instanceof IllegalArgumentException && !(error instanceof UnroutableKeyException);
  }
}
