package io.shardflux.api.wire;

import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.FieldError;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.Collection;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/** A line of an answer in {@code application/x-ndjson}: knows how to write itself. Immutable. */
@Internal
public sealed interface NdjsonLine {

  /** Writes one JSON object. */
  void write(JsonGenerator json);

  /** A user and the shard it was read from. */
  record Found(User user, ShardId shard) implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeNumberProperty("id", user.id());
      json.writeStringProperty("username", user.username());
      json.writeStringProperty("email", user.email());
      json.writeStringProperty("name", user.name());
      json.writeStringProperty("shard_id", shard.value());
      json.writeEndObject();
    }
  }

  /** A shard that did not answer whole; {@code rowsBefore} of its rows stand above. */
  record ShardFailed(ShardId shard, Failure failure, long rowsBefore) implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeStringProperty("shard_id", shard.value());
      json.writeObjectPropertyStart("error");
      writeFailure(json, failure);
      json.writeNumberProperty("rows_before", rowsBefore);
      json.writeEndObject();
      json.writeEndObject();
    }
  }

  /** The last line of a read. */
  record ReadSummary(
      int asked, int answered, Collection<ShardId> failed, long rows, boolean complete)
      implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeObjectPropertyStart("summary");
      json.writeNumberProperty("asked", asked);
      json.writeNumberProperty("answered", answered);
      json.writeArrayPropertyStart("failed");
      failed.stream().map(ShardId::value).sorted().forEach(json::writeString);
      json.writeEndArray();
      json.writeNumberProperty("rows", rows);
      json.writeBooleanProperty("complete", complete);
      json.writeEndObject();
      json.writeEndObject();
    }
  }

  /** A line that was stored. */
  record Stored(long id, ShardId shard) implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeNumberProperty("id", id);
      json.writeStringProperty("shard_id", shard.value());
      json.writeEndObject();
    }
  }

  /** A line that was not stored, or whose outcome is unknown. */
  record Refused(long line, Failure failure) implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeNumberProperty("line", line);
      json.writeObjectPropertyStart("error");
      writeFailure(json, failure);
      json.writeEndObject();
      json.writeEndObject();
    }
  }

  /** The last line of an upload. */
  record UploadSummary(long received, long stored) implements NdjsonLine {

    @Override
    public void write(JsonGenerator json) {
      json.writeStartObject();
      json.writeObjectPropertyStart("summary");
      json.writeNumberProperty("received", received);
      json.writeNumberProperty("stored", stored);
      json.writeNumberProperty("failed", received - stored);
      json.writeEndObject();
      json.writeEndObject();
    }
  }

  private static void writeFailure(JsonGenerator json, Failure failure) {
    json.writeStringProperty("code", failure.code());
    json.writeStringProperty("message", failure.message());
    List<FieldError> errors = failure.errors();
    if (errors.isEmpty()) {
      return;
    }
    json.writeArrayPropertyStart("errors");
    for (FieldError error : errors) {
      json.writeStartObject();
      json.writeStringProperty("field", error.field());
      json.writeStringProperty("message", error.message());
      json.writeEndObject();
    }
    json.writeEndArray();
  }
}
