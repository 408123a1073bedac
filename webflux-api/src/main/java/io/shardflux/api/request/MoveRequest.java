package io.shardflux.api.request;

import io.shardflux.api.failure.Refusal;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * The body of {@code POST /moves}.
 *
 * @param strategy the name of the strategy whose keys shall move
 * @param next the strategy that shall take its place, as a document has it
 * @param planOnly whether nothing is started
 */
@Internal
public record MoveRequest(String strategy, String next, boolean planOnly) {

  private static final List<String> FIELDS = List.of("strategy", "next", "plan_only");
  private static final String EXPECTED =
      " (expected: a JSON object with strategy, next, and plan_only where nothing shall start)";
  private static final String WANTED = "run, pause or cancel";

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
    JsonNode planOnly = request.path("plan_only");
    if (!strategy.isString()) {
      throw wrong("strategy", strategy, "the name of a strategy");
    }
    if (!next.isString() && !next.isObject()) {
      throw wrong("next", next, "a strategy, such as {\"type\": \"hash\", \"shards\": [...]}");
    }
    if (!planOnly.isBoolean() && !planOnly.isMissingNode()) {
      throw wrong("plan_only", planOnly, "true or false");
    }
    return new MoveRequest(
        strategy.stringValue(),
        next.isString() ? next.stringValue() : next.toString(),
        planOnly.asBoolean(false));
  }

  /**
   * Reads what is wanted of a move from the body of {@code POST /moves/{job}}.
   *
   * @throws Refusal if it is anything else
   */
  public static String wanted(ByteBuffer json) {
    JsonNode request =
        ExplainRequest.object(json, " (expected: a JSON object with want: " + WANTED + ")");
    JsonNode want = request.path("want");
    if (request.size() != 1 || !want.isString()) {
      throw wrong("want", want, WANTED + ", and no other field");
    }
    String wanted = want.stringValue();
    if (!List.of("run", "pause", "cancel").contains(wanted)) {
      throw Refusal.invalid("want: " + UserReader.cut(wanted) + " (expected: " + WANTED + ")");
    }
    return wanted;
  }

  private static Refusal wrong(String field, JsonNode node, String expected) {
    return Refusal.invalid(
        field + ": " + ExplainRequest.kind(node) + " (expected: " + expected + ")");
  }
}
