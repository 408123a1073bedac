package io.shardflux.driver.differential;

import io.r2dbc.spi.ColumnMetadata;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.shardflux.driver.differential.Answer.Broken;
import io.shardflux.driver.differential.Answer.Changed;
import io.shardflux.driver.differential.Answer.Failed;
import io.shardflux.driver.differential.Answer.Refused;
import io.shardflux.driver.differential.Answer.Rows;
import io.shardflux.driver.differential.Generated.Rendered;
import io.shardflux.driver.differential.Generated.Value;
import io.shardflux.sql.statement.RefusedSqlException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Asks a statement and gives what became of it. */
final class Asked {

  private Asked() {}

  static Mono<Answer> of(ConnectionFactory factory, Rendered statement, boolean write) {
    return Mono.usingWhen(
            Mono.defer(() -> Mono.from(factory.create())),
            connection -> answer(connection, statement, write),
            Connection::close)
        .onErrorResume(error -> Mono.just(failed(error)));
  }

  private static Mono<Answer> answer(Connection connection, Rendered rendered, boolean write) {
    Statement statement = connection.createStatement(rendered.sql());
    rendered.binds().forEach((marker, value) -> bind(statement, marker, value));
    Flux<? extends Result> results = Flux.from(statement.execute());
    return write
        ? results.concatMap(Result::getRowsUpdated).reduce(0L, Long::sum).map(Changed::new)
        : results.concatMap(Asked::rows).single();
  }

  private static void bind(Statement statement, Object marker, Value value) {
    Object given = value.value() instanceof ByteBuffer bytes ? bytes.duplicate() : value.value();
    if (marker instanceof String name) {
      if (given == null) {
        statement.bindNull(name, value.type());
      } else {
        statement.bind(name, given);
      }
      return;
    }
    int index = (Integer) marker;
    if (given == null) {
      statement.bindNull(index, value.type());
    } else {
      statement.bind(index, given);
    }
  }

  /** Columns are known with the first row: without one there is nothing to tell them. */
  private static Mono<Answer> rows(Result result) {
    return Flux.from(
            result.map((row, metadata) -> Map.entry(columns(metadata), values(row, metadata))))
        .collectList()
        .map(
            all ->
                new Rows(
                    all.isEmpty() ? List.of() : all.get(0).getKey(),
                    all.stream().map(Map.Entry::getValue).toList()));
  }

  private static List<String> columns(RowMetadata metadata) {
    List<String> columns = new ArrayList<>();
    for (ColumnMetadata column : metadata.getColumnMetadatas()) {
      columns.add(column.getName() + " " + column.getType().getName() + " " + column.getJavaType());
    }
    return columns;
  }

  private static List<@Nullable Object> values(Readable row, RowMetadata metadata) {
    List<@Nullable Object> values = new ArrayList<>();
    for (int i = 0; i < metadata.getColumnMetadatas().size(); i++) {
      Object value = row.get(i);
      values.add(comparable(value));
    }
    return values;
  }

  private static @Nullable Object comparable(@Nullable Object value) {
    if (value instanceof String[] names) {
      return String.join(",", names);
    }
    return value instanceof byte[] bytes ? ByteBuffer.wrap(bytes) : value;
  }

  private static Answer failed(Throwable error) {
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      if (cause instanceof RefusedSqlException refused) {
        return new Refused(refused.code(), String.valueOf(refused.getMessage()));
      }
      if (cause instanceof R2dbcException ofServer && ofServer.getErrorCode() > 0) {
        return new Failed(ofServer.getErrorCode(), String.valueOf(ofServer.getMessage()));
      }
    }
    return new Broken(error);
  }
}
