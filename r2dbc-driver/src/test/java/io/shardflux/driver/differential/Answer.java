package io.shardflux.driver.differential;

import io.shardflux.sql.statement.RefusalCode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The outcome of a statement. */
sealed interface Answer {

  /** Rows, and what the metadata says of their columns. */
  record Rows(List<String> columns, List<List<@Nullable Object>> rows) implements Answer {}

  /** The number of rows that were changed. */
  record Changed(long rows) implements Answer {}

  /** The planner refused it. */
  record Refused(RefusalCode code, String message) implements Answer {}

  /** The server's error. */
  record Failed(int code, String message) implements Answer {}

  /** An error that is neither the planner's nor the server's. */
  record Broken(Throwable error) implements Answer {}
}
