package io.shardflux.sql.statement;

/** The reason why a statement is refused, with the way out. */
public enum RefusalCode {
  /** The text is not understood as a whole. */
  SYNTAX("write it in the supported subset of MySQL's SQL, or name the shard by a hint"),
  /** The text, or its nesting, is beyond a bound. */
  TOO_LARGE("send a smaller statement, or raise the planner's bound"),
  /** More than one statement. */
  SEVERAL_STATEMENTS("send one statement at a time"),
  /** A comment that the server would run, or a hint that changes a session's variables. */
  EXECUTABLE_COMMENT("write it as plain SQL"),
  /** The text's first comment is not a hint as documented. */
  HINT("write /* shardflux: name=value, … */ with the documented names"),
  /** A statement that is neither a query nor a change of rows: DDL, administration, SHOW. */
  STATEMENT("send it to each server by the server's own tools, or name the shard by a hint"),
  /** Transaction control as text. */
  TRANSACTION_CONTROL("use the connection's own methods for transactions"),
  /** A session's state: SET, user variables, LAST_INSERT_ID(), locks by name. */
  SESSION_STATE("use it inside a transaction that one shard alone has joined"),
  /** A table that the topology or the catalog doesn't know, or of another schema. */
  UNKNOWN_TABLE("give the table a rule in the topology, or name the shard by a hint"),
  /** A column that no table of the statement has, or that several have. */
  UNKNOWN_COLUMN("check its spelling, or name it by its table"),
  /** A name that could mean an alias or a column. */
  AMBIGUOUS_NAME("give the alias a name that no column has"),
  /** A function that isn't known to be free of other rows and of side effects. */
  FUNCTION("use a built-in function, or name the shard by a hint"),
  /** A function that would give each shard another answer, where the shards must agree. */
  NON_DETERMINISTIC("compute the value in the application and bind it"),
  /** A text key column whose collation isn't binary. */
  KEY_COLLATION("give the key column a collation that ends in _bin"),
  /** An inserted row whose key is missing or isn't a plain value. */
  KEY_MISSING("give each key column of each row a value or a marker"),
  /** A value that the key column would not store exactly as it is. */
  KEY_VALUE("bind a value of the key column's own type"),
  /** A key column that a statement would change. */
  KEY_UPDATE("delete the row and insert it anew"),
  /** A join or a subquery over rows that may lie on different shards. */
  CROSS_SHARD_JOIN(
      "join colocated tables by all their key columns, bind the key of each, or ask for the parts"
          + " one by one"),
  /** A query inside the statement that can't be answered shard by shard. */
  CROSS_SHARD_SUBQUERY("restrict it to one key, or ask for its rows first"),
  /** UNION, INTERSECT or EXCEPT in a form that can't be merged. */
  SET_OPERATION("use UNION ALL, or restrict it to one key"),
  /** An aggregate that can't be merged. */
  AGGREGATE("use COUNT, SUM, MIN, MAX or AVG, restrict it to one key, or group by the key"),
  /** An expression over aggregates that can't be merged. */
  AGGREGATE_EXPRESSION("select the aggregates themselves and compute in the application"),
  /** A HAVING condition that can't be evaluated over merged groups. */
  HAVING("compare aggregates with numbers, joined by AND, OR and NOT"),
  /** A column that is neither grouped nor aggregated. */
  NOT_GROUPED("group by it, or aggregate it, as ONLY_FULL_GROUP_BY asks for"),
  /** A window function over several shards. */
  WINDOW("restrict it to one key"),
  /** An order or a group by a value whose type or collation isn't known to merge. */
  UNSORTABLE(
      "order and group by columns, by functions of them with one collation, or by HEX(column)"),
  /** FOR UPDATE or FOR SHARE over several shards. */
  SCATTERED_LOCK("restrict it to one key"),
  /** A read over several shards that a hint or the configuration forbids. */
  SCATTER_FORBIDDEN("restrict it to one key, or allow it by the hint scatter=true"),
  /** A write over several shards that names no keys and that nothing permits, or a hint forbids. */
  SCATTERED_WRITE("name the keys of its rows, or permit it by the hint scatter-writes=true"),
  /** A write over several shards that is not the same on all shards as on one. */
  SCATTERED_WRITE_FORM("restrict it to one key"),
  /** An offset beyond the bound. */
  OFFSET_TOO_LARGE("page by the last row's values instead of an offset"),
  /** A bound LIMIT or OFFSET that is not a whole number from 0 on. */
  LIMIT_VALUE("bind a whole number from 0 on"),
  /**
   * A merge of more rows than it may hold, or a result that is held and has more rows than it may.
   */
  TOO_MANY_MERGED_ROWS("narrow the statement, or raise the planner's bound"),
  /** More rows, or bytes, to gather on one server than may be. */
  TOO_MANY_GATHERED_ROWS(
      "add conditions of the table alone, name fewer columns, or raise sql.gather-max-rows or"
          + " sql.gather-max-bytes"),
  /** A value that can't be gathered exactly as it is. */
  GATHERED_VALUE("leave its column out, or restrict the statement to one key"),
  /** A server's user who may not make temporary tables. */
  GATHER_RIGHT("grant the user CREATE TEMPORARY TABLES on the shard's database"),
  /** A read of several shards' rows together, in a transaction that has no room for it. */
  GATHER_IN_TRANSACTION("run it outside the transaction, or in one of another mode that may write"),
  /** A server whose binary log would get what is gathered. */
  GATHER_BINLOG(
      "set the server's binlog_format to ROW, or grant its user BINLOG ADMIN (MySQL:"
          + " SYSTEM_VARIABLES_ADMIN)"),
  /** Columns that changed while a statement ran, or that shards have otherwise than is known. */
  COLUMNS_CHANGED("ask again once the table is the same on all shards"),
  /** A statement of shards that its transaction's mode does not permit. */
  TRANSACTION_SHARD(
      "write one shard in a transaction, or set transactions.mode: atomic to write several"),
  /** A change or a lock in a transaction that only reads. */
  READ_ONLY_TRANSACTION("use a transaction that may write"),
  /** Rows that may stand on two shards, of a table whose keys are being moved. */
  TABLE_MOVING("name one key, join by ON and not by USING, or ask again once the move is over"),
  /** A reference table on a shard that does not have its copy yet. */
  COPY_MISSING("have a move copy the table there, or ask each table by a statement of its own"),
  /** Generated values of rows on several shards. */
  GENERATED_VALUES("send a statement for each row"),
  /** A bound stream for several shards; a stream can be read only once. */
  STREAM_VALUE("bind its bytes or its text");

  private final String wayOut;

  RefusalCode(String wayOut) {
    this.wayOut = wayOut;
  }

  /**
   * {@return whether the refusal may be due to columns that changed since they were read, so that a
   * second look helps}
   */
  public boolean mayBeOutdated() {
    return switch (this) {
      case UNKNOWN_TABLE,
          UNKNOWN_COLUMN,
          AMBIGUOUS_NAME,
          KEY_COLLATION,
          KEY_MISSING,
          KEY_VALUE,
          KEY_UPDATE,
          UNSORTABLE,
          NOT_GROUPED,
          SET_OPERATION,
          NON_DETERMINISTIC,
          CROSS_SHARD_SUBQUERY,
          COLUMNS_CHANGED ->
          true;
      default -> false;
    };
  }

  /** {@return the alternative for the caller} */
  public String wayOut() {
    return wayOut;
  }
}
