package io.shardflux.api.request;

import io.shardflux.api.failure.Refusal;
import io.shardflux.driver.Explanation;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The body of {@code POST /shards/explain}. Either the list or the map is empty.
 *
 * @param sql the statement
 * @param values the values of its markers, in their order
 * @param named the values of its markers, by name
 */
@Internal
public record ExplainRequest(
    String sql, List<@Nullable Object> values, Map<String, @Nullable Object> named) {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();
  private static final String EXPECTED =
      " (expected: a JSON object with sql, and binds where it has markers)";
  private static final String VALUE = " (expected: a text, a number, a boolean or null)";

  /**
   * Reads a request from JSON.
   *
   * @throws Refusal if it is malformed
   */
  public static ExplainRequest read(ByteBuffer json) {
    JsonNode request = object(json, EXPECTED);
    for (String field : request.propertyNames()) {
      if (!field.equals("sql") && !field.equals("binds")) {
        throw Refusal.invalid(UserReader.cut(field) + ": unknown (expected: sql or binds)");
      }
    }
    JsonNode sql = request.path("sql");
    if (!sql.isString()) {
      throw Refusal.invalid("sql: " + kind(sql) + " (expected: a statement)");
    }
    JsonNode binds = request.path("binds");
    if (binds.isObject()) {
      return new ExplainRequest(sql.stringValue(), List.of(), named(binds));
    }
    if (binds.isArray() || binds.isMissingNode()) {
      return new ExplainRequest(sql.stringValue(), listed(binds), Map.of());
    }
    throw Refusal.invalid(
        "binds: " + kind(binds) + " (expected: a list of values, or an object of names to values)");
  }

  /** Says what would be done for the statement. */
  public Mono<Explanation> by(ShardfluxConnectionFactory factory) {
    return named.isEmpty() ? factory.explain(sql, values.toArray()) : factory.explain(sql, named);
  }

  /** The body as an object. */
  static JsonNode object(ByteBuffer json, String expected) {
    JsonNode node;
    try {
      node = JSON.readTree(json.array(), json.arrayOffset() + json.position(), json.remaining());
    } catch (JacksonException e) {
      int column = e.getLocation() == null ? 0 : e.getLocation().getColumnNr();
      throw Refusal.invalid("not JSON, at column " + column + expected);
    }
    if (!node.isObject()) {
      throw Refusal.invalid(kind(node) + expected);
    }
    return node;
  }

  private static List<@Nullable Object> listed(JsonNode binds) {
    List<@Nullable Object> values = new ArrayList<>();
    for (JsonNode node : binds) {
      values.add(value("binds[" + values.size() + "]", node));
    }
    return values;
  }

  private static Map<String, @Nullable Object> named(JsonNode binds) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    binds
        .properties()
        .forEach(
            bind ->
                values.put(
                    bind.getKey(),
                    value("binds." + UserReader.cut(bind.getKey()), bind.getValue())));
    return values;
  }

  private static @Nullable Object value(String name, JsonNode node) {
    return switch (node.getNodeType()) {
      case STRING -> node.stringValue();
      case NUMBER -> node.numberValue();
      case BOOLEAN -> node.booleanValue();
      case NULL -> null;
      default -> throw Refusal.invalid(name + ": " + kind(node) + VALUE);
    };
  }

  /** What a node is, which is not shown. */
  static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case MISSING -> "missing";
      case OBJECT -> "an object";
      case ARRAY -> "an array";
      case STRING -> "a string";
      case NUMBER -> "a number";
      case NULL -> "null";
      default -> "a boolean";
    };
  }
}
