package io.shardflux.api.request;

import io.shardflux.api.failure.Refusal;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.databind.JsonNode;

/**
 * The body of {@code POST /moves}.
 *
 * @param strategy the name of the strategy whose keys shall move; empty where there is an intent
 * @param next the strategy that shall take its place, as a document has it
 * @param intent what is wanted instead, as {@link Intent#parse} reads it, or null
 * @param accept the refusals that are accepted, as {@link MovePlan#accepting(List)} reads them
 * @param options other options than those of the router's document, as a document has them, or null
 * @param planOnly whether nothing is started
 */
@Internal
public record MoveRequest(
    String strategy,
    String next,
    @Nullable String intent,
    List<String> accept,
    @Nullable String options,
    boolean planOnly) {

  private static final List<String> FIELDS =
      List.of("strategy", "next", "intent", "accept", "options", "plan_only");
  private static final String EXPECTED =
      " (expected: a JSON object with intent, or with strategy and next, perhaps accept and options,"
          + " and plan_only where nothing shall start)";
  private static final List<String> WANTED =
      Stream.of(Wanted.values()).map(each -> each.name().toLowerCase(Locale.ROOT)).toList();

  /**
   * Reads a request from JSON.
   *
   * @throws Refusal if it is malformed
   */
  public static MoveRequest read(ByteBuffer json) {
    JsonNode request = ExplainRequest.object(json, EXPECTED);
    for (String field : request.propertyNames()) {
      if (!FIELDS.contains(field)) {
        throw Refusal.invalid(
            UserReader.cut(field) + ": unknown (expected: one of " + FIELDS + ")");
      }
    }
    JsonNode options = request.path("options");
    JsonNode planOnly = request.path("plan_only");
    if (!options.isObject() && !options.isMissingNode()) {
      throw wrong("options", options, "an object, such as {\"rows-per-second\": 5000}");
    }
    if (!planOnly.isBoolean() && !planOnly.isMissingNode()) {
      throw wrong("plan_only", planOnly, "true or false");
    }
    String intent = intent(request);
    return new MoveRequest(
        intent == null ? strategy(request) : "",
        intent == null ? next(request) : "",
        intent,
        accepted(request.path("accept")),
        options.isMissingNode() ? null : options.toString(),
        planOnly.asBoolean(false));
  }

  private static @Nullable String intent(JsonNode request) {
    JsonNode intent = request.path("intent");
    if (intent.isMissingNode()) {
      return null;
    }
    if (!intent.isObject()) {
      throw wrong(
          "intent", intent, "an object, such as {\"spread\": \"by_id\", \"shards\": [...]}");
    }
    if (request.has("strategy") || request.has("next")) {
      throw Refusal.invalid("intent: beside strategy or next (expected: it alone, or those two)");
    }
    return intent.toString();
  }

  private static String strategy(JsonNode request) {
    JsonNode strategy = request.path("strategy");
    if (!strategy.isString()) {
      throw wrong("strategy", strategy, "the name of a strategy, or an intent");
    }
    return strategy.stringValue();
  }

  private static String next(JsonNode request) {
    JsonNode next = request.path("next");
    if (!next.isString() && !next.isObject()) {
      throw wrong("next", next, "a strategy, such as {\"type\": \"hash\", \"shards\": [...]}");
    }
    return next.isString() ? next.stringValue() : next.toString();
  }

  /** {@return the plan of what is wanted} Errors with {@link IllegalArgumentException} as it. */
  public Mono<MovePlan> plan(ShardMoves moves) {
    return intent == null
        ? moves.plan(strategy, next)
        // A text may be long.
        : Mono.fromCallable(() -> Intent.parse(intent))
            .subscribeOn(Schedulers.boundedElastic())
            .flatMap(moves::plan);
  }

  private static List<String> accepted(JsonNode accept) {
    if (accept.isMissingNode()) {
      return List.of();
    }
    if (!accept.isArray() || !accept.valueStream().allMatch(JsonNode::isString)) {
      throw wrong("accept", accept, "a list of codes, such as [\"UNIQUE_KEY\"]");
    }
    return accept.valueStream().map(code -> UserReader.cut(code.stringValue())).toList();
  }

  /**
   * {@return the plan with what the request says of it}
   *
   * @param plan the plan as it was made
   * @throws IllegalArgumentException if a code is none that may be accepted, or an option malformed
   */
  public MovePlan applied(MovePlan plan) {
    MovePlan accepting = plan.accepting(accept);
    return options == null ? accepting : accepting.with(plan.options().with(options));
  }

  /**
   * Reads what is wanted of a move from the body of {@code POST /moves/{job}}.
   *
   * @throws Refusal if it is anything else
   */
  public static String wanted(ByteBuffer json) {
    JsonNode request =
        ExplainRequest.object(json, " (expected: a JSON object with want, one of " + WANTED + ")");
    JsonNode want = request.path("want");
    if (request.size() != 1 || !want.isString()) {
      throw wrong("want", want, "one of " + WANTED + ", and no other field");
    }
    String wanted = want.stringValue();
    if (!WANTED.contains(wanted)) {
      throw Refusal.invalid(
          "want: " + UserReader.cut(wanted) + " (expected: one of " + WANTED + ")");
    }
    return wanted;
  }

  private static Refusal wrong(String field, JsonNode node, String expected) {
    return Refusal.invalid(
        field + ": " + ExplainRequest.kind(node) + " (expected: " + expected + ")");
  }
}
