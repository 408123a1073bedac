package io.shardflux.api.request;

import io.shardflux.api.failure.Refusal;
import io.shardflux.reshard.MovePlan;
import io.shardflux.reshard.MovePlan.Code;
import io.shardflux.reshard.MoveProgress.Wanted;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * The body of {@code POST /moves}.
 *
 * @param strategy the name of the strategy whose keys shall move
 * @param next the strategy that shall take its place, as a document has it
 * @param accept the codes of refusals that are accepted
 * @param options other options than those of the router's document, as a document has them, or null
 * @param planOnly whether nothing is started
 */
@Internal
public record MoveRequest(
    String strategy, String next, List<String> accept, @Nullable String options, boolean planOnly) {

  private static final List<String> FIELDS =
      List.of("strategy", "next", "accept", "options", "plan_only");
  private static final String EXPECTED =
      " (expected: a JSON object with strategy, next, perhaps accept and options, and plan_only"
          + " where nothing shall start)";
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
    JsonNode strategy = request.path("strategy");
    JsonNode next = request.path("next");
    JsonNode options = request.path("options");
    JsonNode planOnly = request.path("plan_only");
    if (!strategy.isString()) {
      throw wrong("strategy", strategy, "the name of a strategy");
    }
    if (!next.isString() && !next.isObject()) {
      throw wrong("next", next, "a strategy, such as {\"type\": \"hash\", \"shards\": [...]}");
    }
    if (!options.isObject() && !options.isMissingNode()) {
      throw wrong("options", options, "an object, such as {\"rows-per-second\": 5000}");
    }
    if (!planOnly.isBoolean() && !planOnly.isMissingNode()) {
      throw wrong("plan_only", planOnly, "true or false");
    }
    return new MoveRequest(
        strategy.stringValue(),
        next.isString() ? next.stringValue() : next.toString(),
        accepted(request.path("accept")),
        options.isMissingNode() ? null : options.toString(),
        planOnly.asBoolean(false));
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
    MovePlan accepting = plan.accepting(accept.stream().map(Code::of).toArray(Code[]::new));
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
