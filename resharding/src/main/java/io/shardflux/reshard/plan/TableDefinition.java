package io.shardflux.reshard.plan;

import io.r2dbc.spi.Readable;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Session;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What a table promises of its rows, besides the types of its columns, as texts that two servers of
 * one kind have alike: defaults, computed values, unique keys, checks and foreign keys. Names of
 * keys and constraints are left out.
 */
record TableDefinition(TreeSet<String> promises) {

  private static final String OF = " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ";

  static Mono<TableDefinition> read(Session session, String table) {
    String name = MovedTable.text(table);
    return Flux.concat(
            values(session, name),
            unique(session, name),
            checks(session, name),
            keys(session, name))
        .collect(Collectors.toCollection(TreeSet::new))
        .map(TableDefinition::new);
  }

  /** What one of them has and the other has not; empty if they are alike. */
  String unlike(TableDefinition other) {
    String lacks = lacks(other);
    String more = other.lacks(this);
    return Stream.of(
            lacks.isEmpty() ? "" : "without " + lacks, more.isEmpty() ? "" : "with " + more)
        .filter(text -> !text.isEmpty())
        .collect(Collectors.joining(", "));
  }

  private String lacks(TableDefinition other) {
    return other.promises.stream()
        .filter(promise -> !promises.contains(promise))
        .collect(Collectors.joining(", "));
  }

  private static Flux<String> values(Session session, String name) {
    return texts(
        session,
        // Numbers that a server gives are refused or accepted by a code of their own.
        "SELECT COLUMN_NAME, IF(COLUMN_DEFAULT IS NULL, NULL, QUOTE(COLUMN_DEFAULT)),"
            + " NULLIF(GENERATION_EXPRESSION, ''), NULLIF(REPLACE(UPPER(EXTRA), 'AUTO_INCREMENT',"
            + " ''), '') FROM information_schema.COLUMNS"
            + OF
            + name,
        List.of("column", "DEFAULT", "AS", ""));
  }

  private static Flux<String> unique(Session session, String name) {
    return texts(
        session,
        "SELECT GROUP_CONCAT(CONCAT(COLUMN_NAME, COALESCE(CONCAT('(', SUB_PART, ')'), '')) ORDER BY"
            + " SEQ_IN_INDEX) FROM information_schema.STATISTICS"
            + OF
            + name
            + " AND NON_UNIQUE = 0 GROUP BY INDEX_NAME",
        List.of("unique key"));
  }

  /** MariaDB's constraints have names of their table alone, MySQL's of the schema. */
  private static Flux<String> checks(Session session, String name) {
    return texts(
        session,
        session.place().mariaDb()
            ? "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE"
                + " CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = "
                + name
            : "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS JOIN"
                + " information_schema.TABLE_CONSTRAINTS USING (CONSTRAINT_SCHEMA,"
                + " CONSTRAINT_NAME)"
                + OF
                + name
                + " AND CONSTRAINT_TYPE = 'CHECK' AND ENFORCED = 'YES'",
        List.of("check"));
  }

  private static Flux<String> keys(Session session, String name) {
    return texts(
        session,
        "SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION), CONCAT(REFERENCED_TABLE_NAME,"
            + " '(', GROUP_CONCAT(REFERENCED_COLUMN_NAME ORDER BY ORDINAL_POSITION), ')') FROM"
            + " information_schema.KEY_COLUMN_USAGE"
            + OF
            + name
            + " AND REFERENCED_TABLE_NAME IS NOT NULL GROUP BY CONSTRAINT_NAME,"
            + " REFERENCED_TABLE_NAME",
        List.of("foreign key", "to"));
  }

  /** A text of each row: its values behind what each is, without those that are missing. */
  private static Flux<String> texts(Session session, String sql, List<String> words) {
    return session.rows(sql, row -> text(row, words));
  }

  private static String text(Readable row, List<String> words) {
    return IntStream.range(0, words.size())
        .filter(i -> row.get(i, String.class) != null)
        .mapToObj(
            i -> (words.get(i) + " " + Objects.requireNonNull(row.get(i, String.class))).trim())
        .collect(Collectors.joining(" "));
  }
}
