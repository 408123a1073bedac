package io.shardflux.r2dbc.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

class JsonTests {

  @Property(tries = 500)
  void everyTextIsReadAsItWasWritten(@ForAll String key, @ForAll List<String> values) {
    Map<String, Object> tree = Map.of(key, values);
    String json = JsonWriter.write(tree);
    assertThat(json).matches("[ -~]*");
    assertThat(JsonReader.read(json)).isEqualTo(tree);
  }

  @Test
  void everyCharacterIsReadAsItWasWritten() {
    for (int start = 0; start <= Character.MAX_VALUE; start += 1_024) {
      String text =
          IntStream.range(start, start + 1_024)
              .collect(StringBuilder::new, (all, c) -> all.append((char) c), StringBuilder::append)
              .toString();
      assertThat(JsonReader.read(JsonWriter.write(text))).isEqualTo(text);
    }
  }

  @Test
  void isJsonToOthersToo() {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("a\n\"\\\u0000\ud83d\ude00", List.of("b", 1, true, List.of(), Map.of()));
    tree.put("c", Map.of("d", "\u2028"));
    String json = JsonWriter.write(tree);
    assertThat(json)
        .isEqualTo(
            "{\"a\\u000a\\\"\\\\\\u0000\\ud83d\\ude00\":[\"b\",1,true,[],{}],"
                + "\"c\":{\"d\":\"\\u2028\"}}");
    Object loaded = new Yaml().load(json);
    assertThat(loaded).isEqualTo(tree);
  }

  @Test
  void readsJsonThatAPersonWrote() {
    assertThat(
            JsonReader.read(
                " {\n\t\"a\" : [ 1 , -25 ,true, false, null ,{ } ,[ ] ] ,\r\n"
                    + " \"\\/\\b\\f\\n\\r\\t\\u00E9\" : \"é\" } "))
        .isEqualTo(
            new LinkedHashMap<>(
                Map.of(
                    "a",
                    Arrays.asList("1", "-25", "true", "false", null, Map.of(), List.of()),
                    "/\b\f\n\r\t\u00e9",
                    "é")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "~~ | character 1: malformed (expected: more of it,",
        "{ | character 2: malformed (expected: more of it,",
        "[1 | character 3: malformed (expected: more of it,",
        "\"a | character 3: malformed (expected: more of it,",
        "\"\\ | character 3: malformed (expected: more of it,",
        "\"\\u00 | character 6: malformed (expected: more of it,",
        "\"\\u00g0\" | character 6: malformed (expected: four hexadecimal digits,",
        "\"\\u00\uff11\uff11\" | character 6: malformed (expected: four hexadecimal digits,",
        "\"\\x\" | character 3: malformed (expected: an escape of JSON,",
        "{a:1} | character 2: malformed (expected: '\"',",
        "{\"a\" 1} | character 6: malformed (expected: ':',",
        "{\"a\":1,} | character 8: malformed (expected: no ',' before '}',",
        "{\"a\":1,\"a\":2} | character 8: malformed (expected: each key once,",
        "[1 2] | character 4: malformed (expected: ',',",
        "[1,] | character 4: malformed (expected: no ',' before ']',",
        "[,1] | character 2: malformed (expected: a value,",
        "[01] | character 3: malformed (expected: ',',",
        "[-] | character 2: malformed (expected: a value,",
        "[.5] | character 2: malformed (expected: a value,",
        "[2.5] | character 3: malformed (expected: ',',",
        "[1e3] | character 3: malformed (expected: ',',",
        "[tru] | character 2: malformed (expected: a value,",
        "[NaN] | character 2: malformed (expected: a value,",
        "['a'] | character 2: malformed (expected: a value,",
        "{} {} | character 4: malformed (expected: its end,",
        "a: b | character 1: malformed (expected: a value,",
        "[1] # x | character 5: malformed (expected: its end,"
      })
  void whatIsNoJsonIsRefusedByItsPlace(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonReader.read(text))
        .withMessage("topology, " + message + " in JSON as a router published it)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "\t", "\u0000", "\u001f"})
  void aControlCharacterNeedsItsEscape(String character) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonReader.read("\"Zq7" + character + "\""))
        .withMessageContaining("an escape for a control character")
        .withMessageNotContaining("Zq7");
  }

  @Test
  void bothAreBounded() {
    String deep = "[".repeat(33) + "]".repeat(33);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonReader.read(deep))
        .withMessageContaining("character 33: malformed (expected: at most 32 levels");
    Object nested = List.of();
    for (int i = 0; i < 31; i++) {
      nested = List.of(nested);
    }
    Object whole = nested;
    assertThat(JsonReader.read(JsonWriter.write(whole))).isEqualTo(whole);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonWriter.write(List.of(whole)))
        .withMessage("topology: nested too deeply (expected: at most 32 levels as JSON)");
    String longest = "\"" + "x".repeat((1 << 20) - 2) + "\"";
    assertThat(JsonWriter.write(String.valueOf(JsonReader.read(longest)))).isEqualTo(longest);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonReader.read(longest + " "))
        .withMessage("topology: 1048577 characters (expected: at most 1048576)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> JsonWriter.write("x".repeat((1 << 20) - 1)))
        .withMessageStartingWith("topology: more than 1048576 characters as JSON");
  }
}
