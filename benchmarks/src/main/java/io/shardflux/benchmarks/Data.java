package io.shardflux.benchmarks;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The tables: one full of users, and one to insert into. */
final class Data {

  private static final String TABLE =
      "CREATE TABLE %s (id BIGINT PRIMARY KEY, username VARCHAR(64) NOT NULL,"
          + " email VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL)"
          + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

  private final List<Endpoint> shards;

  Data(List<Endpoint> shards) {
    this.shards = List.copyOf(shards);
  }

  /** Makes the tables, and the users from 1 to a number, each on its shard. */
  void load(int users) throws SQLException {
    for (int i = 0; i < shards.size(); i++) {
      try (Connection connection = connect(i);
          Statement statement = connection.createStatement()) {
        statement.execute(TABLE.formatted("users"));
        statement.execute(TABLE.formatted("inserts"));
        statement.execute(
            "INSERT INTO users SELECT id, CONCAT('user', id), CONCAT('user', id, '@example.org'),"
                + " CONCAT('User ', id) FROM (SELECT "
                + numbers()
                + ") numbers WHERE id <= "
                + users
                + " AND id % "
                + shards.size()
                + " = "
                + i
                + " ORDER BY id");
        statement.execute("ANALYZE TABLE users");
      }
    }
  }

  /** Looks whether as many rows were inserted as answers said, each on its shard; removes them. */
  void takeInserts(long expected) throws SQLException {
    long found = 0;
    for (int i = 0; i < shards.size(); i++) {
      try (Connection connection = connect(i);
          Statement statement = connection.createStatement()) {
        found +=
            number(
                statement, "SELECT COUNT(*) FROM inserts WHERE id % " + shards.size() + " = " + i);
        statement.execute("TRUNCATE TABLE inserts");
      }
    }
    if (found != expected) {
      throw new IllegalStateException("rows: " + found + " (expected: " + expected + ")");
    }
  }

  /** The version of the first server; the others have the same. */
  String serverVersion() throws SQLException {
    try (Connection connection = connect(0);
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT VERSION()")) {
      row.next();
      String version = row.getString(1);
      return version.contains("MariaDB") ? version : "MySQL " + version;
    }
  }

  private static long number(Statement statement, String sql) throws SQLException {
    try (ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  private Connection connect(int shard) throws SQLException {
    Endpoint endpoint = shards.get(shard);
    return DriverManager.getConnection(endpoint.jdbcUrl(), endpoint.user(), endpoint.password());
  }

  /** The numbers from 1 to 1,000,000, of six digits. */
  private static String numbers() {
    String digits =
        IntStream.range(0, 10)
            .mapToObj(digit -> "SELECT " + digit + " AS d")
            .collect(Collectors.joining(" UNION ALL ", "(", ")"));
    String sum =
        IntStream.range(0, 6)
            .mapToObj(place -> "d" + place + ".d * " + (int) Math.pow(10, place))
            .collect(Collectors.joining(" + "));
    String tables =
        IntStream.range(0, 6)
            .mapToObj(place -> digits + " d" + place)
            .collect(Collectors.joining(", "));
    return "1 + " + sum + " AS id FROM " + tables;
  }
}
