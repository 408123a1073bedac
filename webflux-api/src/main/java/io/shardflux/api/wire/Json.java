package io.shardflux.api.wire;

import io.shardflux.router.Internal;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Writes answers as JSON in UTF-8. */
@Internal
public final class Json {

  private static final JsonFactory JSON = JsonFactory.builder().rootValueSeparator("\n").build();

  private Json() {}

  /** One object. */
  public static byte[] object(NdjsonLine line) {
    return bytes(line::write);
  }

  /** An array of objects. */
  public static byte[] array(List<? extends NdjsonLine> lines) {
    return bytes(
        json -> {
          json.writeStartArray();
          lines.forEach(line -> line.write(json));
          json.writeEndArray();
        });
  }

  /** Objects, at least one, each with a line end after it. */
  static void lines(List<? extends NdjsonLine> lines, OutputStream out) {
    write(
        out,
        json -> {
          lines.forEach(line -> line.write(json));
          json.writeRaw('\n');
        });
  }

  /** The bytes that this writes. */
  public static byte[] bytes(Consumer<JsonGenerator> content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    write(out, content);
    return out.toByteArray();
  }

  private static void write(OutputStream out, Consumer<JsonGenerator> content) {
    try (JsonGenerator json =
        JSON.createGenerator(ObjectWriteContext.empty(), out, JsonEncoding.UTF8)) {
      content.accept(json);
    }
  }
}
