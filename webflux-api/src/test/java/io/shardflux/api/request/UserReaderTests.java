package io.shardflux.api.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.shardflux.api.failure.FieldError;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.wire.Json;
import io.shardflux.api.wire.NdjsonLine;
import io.shardflux.api.wire.User;
import io.shardflux.router.ShardId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class UserReaderTests {

  private static final String GOOD =
      "{'id':42,'username':'ada','email':'ada@example.org','name':'Ada'}";

  @Test
  void readsAUser() {
    assertThat(read(GOOD)).isEqualTo(new User(42, "ada", "ada@example.org", "Ada"));
  }

  @Test
  void readsAUserAsItWasWritten() {
    assertThat(read("{'shard_id':'shard_1','name':'Ada','email':'a@b','username':'a','id':1}"))
        .isEqualTo(new User(1, "a", "a@b", "Ada"));
  }

  @Test
  void acceptsTheLongestValues() {
    String smile = "😀";
    User user =
        new User(
            Long.MAX_VALUE, smile.repeat(64), smile.repeat(253) + "@" + smile, smile.repeat(255));
    assertThat(read(json(user))).isEqualTo(user);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          'id':42   | 'id':0                    | id: 0 (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':-7                   | id: -7 (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':1.0                  | id: 1.0 (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':"42"                 | id: "42" (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':9223372036854775808  | id: 9223372036854775808 (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':null                 | id: null (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':[1,{}]               | id: an array (expected: an integer from 1 to 9223372036854775807)
          'id':42   | 'id':42,'id':43           | id: twice (expected: once)
          'id':42   | 'x':{'y':[1]},'id':42     | x: unknown (expected: id, username, email or name)
          'id':42,  |                           | id: missing (expected: a value)
          'ada'     | ''                        | username: 0 characters (expected: text of 1 to 64 characters)
          'ada'     | 7                         | username: 7 (expected: text of 1 to 64 characters)
          'ada'     | true                      | username: true (expected: text of 1 to 64 characters)
          'ada'     | {'a':1}                   | username: an object (expected: text of 1 to 64 characters)
          'ada'     | '\\ud83d!'                | username: half a surrogate pair (expected: text of 1 to 64 characters of Unicode)
          ada@ex    | ada.ex                    | email: ada.example.org (expected: text of 3 to 255 characters, with an @ inside)
          ada@ex    | @ex                       | email: @example.org (expected: text of 3 to 255 characters, with an @ inside)
          """,
      quoteCharacter = '`')
  void namesAWrongField(String good, String bad, String expected) {
    String json = GOOD.replace(good, bad == null ? "" : bad);
    assertThat(refusal(json).failure().errors())
        .extracting(error -> error.field() + ": " + error.message())
        .containsExactly(expected);
  }

  @Test
  void namesAllWrongFieldsAtOnce() {
    Refusal refusal = refusal("{'id':0,'username':'','email':'x'}");
    assertThat(refusal).hasMessage("wrong fields: id, username, email, name");
    assertThat(refusal.failure().code()).isEqualTo("invalid");
  }

  @Test
  void namesAtMostSixteenWrongFields() {
    String many =
        IntStream.range(0, 5_000)
            .mapToObj(i -> "'f" + i + "':1")
            .collect(Collectors.joining(",", "{", "}"));
    assertThat(refusal(many).failure().errors()).hasSize(16);
  }

  @Test
  void showsLittleOfALongValue() {
    String json = GOOD.replace("ada@example.org", "x".repeat(200));
    assertThat(refusal(json).failure().errors().get(0).message())
        .hasSizeLessThan(150)
        .contains("…");
  }

  @Test
  void countsCharactersNotUnits() {
    assertThat(refusal(GOOD.replace("'ada'", "'" + "é".repeat(65) + "'")).failure().errors())
        .extracting(FieldError::message)
        .containsExactly("65 characters (expected: text of 1 to 64 characters)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ``             | empty
          `   `          | empty
          []             | an array
          'x'            | a string
          7              | a number
          null           | null
          false          | a boolean
          {'id':1        | not JSON, at column
          {'id' 1}       | not JSON, at column
          nonsense       | not JSON, at column
          {} {}          | more than one JSON value
          """,
      quoteCharacter = '`')
  void saysWhatATextIsThatIsNoUser(String text, String what) {
    assertThat(refusal(text))
        .hasMessageStartingWith(what)
        .hasMessageEndingWith(" (expected: a JSON object with id, username, email and name)");
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    byte[] json = GOOD.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    json[json.length - 4] = (byte) 0xff;
    Refusal refusal =
        catchThrowableOfType(Refusal.class, () -> UserReader.read(ByteBuffer.wrap(json)));
    assertThat(refusal).hasMessageStartingWith("not JSON");
  }

  @ParameterizedTest
  @ValueSource(strings = {"'id':42,", ""})
  void takesAKnownId(String id) {
    String json = GOOD.replace("'id':42,", id);
    assertThat(UserReader.read(bytes(json), 42L).id()).isEqualTo(42);
  }

  @Test
  void refusesAnotherIdThanTheKnownOne() {
    Refusal refusal = catchThrowableOfType(Refusal.class, () -> UserReader.read(bytes(GOOD), 43L));
    assertThat(refusal.failure().errors())
        .containsExactly(new FieldError("id", "42 (expected: 43, as in the path, or none)"));
  }

  private static User read(String json) {
    return UserReader.read(bytes(json));
  }

  private static Refusal refusal(String json) {
    return catchThrowableOfType(Refusal.class, () -> read(json));
  }

  private static ByteBuffer bytes(String json) {
    return ByteBuffer.wrap(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  private static String json(User user) {
    return new String(
        Json.object(new NdjsonLine.Found(user, ShardId.of("shard_0"))), StandardCharsets.UTF_8);
  }
}
