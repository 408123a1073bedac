package io.shardflux.api.request;

import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.FieldError;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.wire.User;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Reads one user from JSON and finds every wrong field at once.
 *
 * <p>A field {@code shard_id} is ignored, so that a user can be sent back as it was read. Any other
 * unknown field is refused, because it may be a known one misspelt. For one text only.
 */
@Internal
public final class UserReader {

  private static final JsonFactory JSON = new JsonFactory();
  private static final String EXPECTED =
      " (expected: a JSON object with id, username, email and name)";
  private static final int MAX_SHOWN = 64;
  private static final int MAX_ERRORS = 16;

  private final List<FieldError> errors = new ArrayList<>();
  private @Nullable Long id;
  private @Nullable String username;
  private @Nullable String email;
  private @Nullable String name;

  private final @Nullable Long knownId;

  private UserReader(@Nullable Long knownId) {
    this.knownId = knownId;
  }

  /**
   * The user that the text holds.
   *
   * @throws Refusal if it holds none
   */
  public static User read(ByteBuffer json) {
    return read(json, null);
  }

  /**
   * The user that the text holds, which may leave out the id but not give another.
   *
   * @throws Refusal if it holds none
   */
  public static User read(ByteBuffer json, @Nullable Long knownId) {
    try (JsonParser parser =
        JSON.createParser(
            ObjectReadContext.empty(),
            json.array(),
            json.arrayOffset() + json.position(),
            json.remaining())) {
      return new UserReader(knownId).read(parser);
    } catch (JacksonException e) {
      int column = e.getLocation() == null ? 0 : e.getLocation().getColumnNr();
      throw Refusal.invalid("not JSON, at column " + column + EXPECTED);
    }
  }

  private User read(JsonParser parser) {
    JsonToken first = parser.nextToken();
    if (first != JsonToken.START_OBJECT) {
      throw Refusal.invalid(kind(first) + EXPECTED);
    }
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String field = parser.currentName();
      parser.nextToken();
      readField(field, parser);
    }
    if (parser.nextToken() != null) {
      throw Refusal.invalid("more than one JSON value" + EXPECTED);
    }
    return user();
  }

  private void readField(String field, JsonParser parser) {
    switch (field) {
      case "id" -> id = once(field, id, readId(parser));
      case "username" -> username = once(field, username, readText(field, 1, 64, parser));
      case "email" -> email = once(field, email, readText(field, 3, 255, parser));
      case "name" -> name = once(field, name, readText(field, 1, 255, parser));
      case "shard_id" -> parser.skipChildren();
      default -> {
        parser.skipChildren();
        refuse(cut(field), "unknown (expected: id, username, email or name)");
      }
    }
  }

  private User user() {
    Long id = required("id", this.id == null ? knownId : this.id);
    if (knownId != null && id != null && !knownId.equals(id)) {
      refuse("id", id + " (expected: " + knownId + ", as in the path, or none)");
    }
    String username = required("username", this.username);
    String email = required("email", this.email);
    String name = required("name", this.name);
    if (errors.isEmpty() && id != null && username != null && email != null && name != null) {
      return new User(id, username, email, name);
    }
    String fields =
        errors.stream().map(FieldError::field).distinct().collect(Collectors.joining(", "));
    throw new Refusal(Failure.invalid("wrong fields: " + fields, List.copyOf(errors)));
  }

  private <T> @Nullable T once(String field, @Nullable T before, @Nullable T value) {
    if (before != null) {
      refuse(field, "twice (expected: once)");
    }
    return value;
  }

  private <T> @Nullable T required(String field, @Nullable T value) {
    if (value == null && errors.stream().noneMatch(error -> error.field().equals(field))) {
      refuse(field, "missing (expected: a value)");
    }
    return value;
  }

  private @Nullable Long readId(JsonParser parser) {
    String expected = " (expected: an integer from 1 to " + Long.MAX_VALUE + ")";
    JsonToken token = parser.currentToken();
    if (token != JsonToken.VALUE_NUMBER_INT) {
      refuse("id", shown(parser) + expected);
      return null;
    }
    Long value =
        parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER ? null : parser.getLongValue();
    if (value == null || value < 1) {
      refuse("id", shown(parser) + expected);
      return null;
    }
    return value;
  }

  private @Nullable String readText(String field, int min, int max, JsonParser parser) {
    String expected = " (expected: text of " + min + " to " + max + " characters";
    if (parser.currentToken() != JsonToken.VALUE_STRING) {
      refuse(field, shown(parser) + expected + ")");
      return null;
    }
    String text = parser.getString();
    int length = text.codePointCount(0, text.length());
    if (length < min || length > max) {
      refuse(field, length + " characters" + expected + ")");
      return null;
    }
    if (!isWellFormed(text)) {
      refuse(field, "half a surrogate pair" + expected + " of Unicode)");
      return null;
    }
    if (field.equals("email") && !isAddress(text)) {
      refuse(field, cut(text) + expected + ", with an @ inside)");
      return null;
    }
    return text;
  }

  private static boolean isAddress(String text) {
    int at = text.indexOf('@');
    return at > 0 && at < text.length() - 1;
  }

  private static boolean isWellFormed(String text) {
    for (int i = 0, point; i < text.length(); i += Character.charCount(point)) {
      point = text.codePointAt(i);
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        return false;
      }
    }
    return true;
  }

  private void refuse(String field, String message) {
    if (errors.size() < MAX_ERRORS) {
      errors.add(new FieldError(field, message));
    }
  }

  /** A scalar's text, cut to a length that is fit for a message; otherwise the kind of value. */
  private static String shown(JsonParser parser) {
    JsonToken token = parser.currentToken();
    if (token == JsonToken.START_OBJECT || token == JsonToken.START_ARRAY) {
      parser.skipChildren();
      return kind(token);
    }
    return token == JsonToken.VALUE_STRING
        ? '"' + cut(parser.getString()) + '"'
        : cut(parser.getString());
  }

  public static String cut(String text) {
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
  }

  private static String kind(@Nullable JsonToken token) {
    if (token == null) {
      return "empty";
    }
    return switch (token) {
      case START_OBJECT -> "an object";
      case START_ARRAY -> "an array";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_NULL -> "null";
      default -> "a boolean";
    };
  }
}
