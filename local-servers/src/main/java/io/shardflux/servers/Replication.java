package io.shardflux.servers;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Lets one server follow another. Databases made on the source from now on are on the replica too,
 * a moment later. {@link #close()} leaves both as they were found.
 *
 * <p>Replication goes on by itself after either server was killed and restarted. Thread-safe. Every
 * method blocks for a bounded time, so none may be called from an event loop.
 */
public final class Replication implements AutoCloseable {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final Duration CATCH_UP_BOUND = Duration.ofSeconds(60);

  private final DatabaseServer source;
  private final DatabaseServer replica;
  private final Dialect dialect;
  private final int idBefore;
  private final int id;
  private final String positionBefore;
  private boolean closed;

  private Replication(DatabaseServer source, DatabaseServer replica, Dialect dialect) {
    this.source = source;
    this.replica = replica;
    this.dialect = dialect;
    this.idBefore = id(replica);
    this.id =
        idBefore == id(source)
            ? ThreadLocalRandom.current().nextInt(1_000, Integer.MAX_VALUE)
            : idBefore;
    this.positionBefore = dialect.followed(replica);
  }

  /**
   * Starts replication, from what the source does next.
   *
   * @throws IllegalStateException if the source keeps no binary log, the replica follows another
   *     server already, or a server does not answer or refuses
   */
  static Replication start(DatabaseServer source, DatabaseServer replica) {
    Dialect dialect = Dialect.of(replica);
    if (dialect != Dialect.of(source) || !value(source, "SELECT @@log_bin").equals("1")) {
      throw new IllegalStateException(
          "source: " + source + " (expected: the replica's kind of server, with a binary log)");
    }
    if (Sql.count(replica, dialect.status, BOUND) > 0) {
      throw new IllegalStateException(
          "replica: " + replica + " (expected: a server that follows no other)");
    }
    Replication replication = new Replication(source, replica, dialect);
    replication.begin();
    return replication;
  }

  private void begin() {
    setId(id);
    dialect.follow(replica, source, dialect.position(source));
    run("START REPLICA");
  }

  /** Returns when the replica has done all that the source had done when this was called. */
  public void catchUp() {
    String wait = dialect.waitFor(dialect.position(source), CATCH_UP_BOUND.toSeconds());
    String outcome = Sql.value(replica, wait, CATCH_UP_BOUND.plus(BOUND));
    if (outcome.equals("null") || outcome.startsWith("-")) {
      throw new IllegalStateException(
          replica
              + ": does not catch up with "
              + source
              + "; "
              + dialect.status
              + " says: "
              + Sql.value(replica, dialect.status, "Last_SQL_Error", BOUND));
    }
  }

  /** Lets the replica receive changes and not apply them. */
  public void stopApplying() {
    run("STOP REPLICA SQL_THREAD");
  }

  /** Undoes {@link #stopApplying()}. */
  public void resumeApplying() {
    run("START REPLICA SQL_THREAD");
  }

  /**
   * Lets the replica apply each change only when the change is that old.
   *
   * @param delay whole seconds; zero undoes it
   */
  public void delay(Duration delay) {
    run("STOP REPLICA");
    run(dialect.delay + delay.toSeconds());
    run("START REPLICA");
  }

  /** Ends replication. Both servers must answer. A second close does nothing. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    run("STOP REPLICA");
    run("RESET REPLICA ALL");
    dialect.restore(replica, positionBefore);
    setId(idBefore);
    closed = true;
  }

  /**
   * Sets a server's id again: after a restart it has its old id, with which it may refuse to
   * follow.
   */
  synchronized void afterRestart(DatabaseServer server) {
    if (!closed && replica.equals(server)) {
      setId(id);
      run("START REPLICA");
    }
  }

  /** Tells whether data made on that server now appears on the replica. */
  synchronized boolean follows(DatabaseServer server) {
    return !closed && source.equals(server);
  }

  DatabaseServer replica() {
    return replica;
  }

  @Override
  public String toString() {
    return replica + " follows " + source;
  }

  private void setId(int to) {
    if (id != idBefore) {
      run("SET GLOBAL server_id = " + to);
    }
  }

  private void run(String statement) {
    Sql.run(replica, statement, BOUND);
  }

  private static int id(DatabaseServer server) {
    return Integer.parseInt(value(server, "SELECT @@GLOBAL.server_id"));
  }

  private static String value(DatabaseServer server, String query) {
    return Sql.value(server, query, BOUND);
  }

  private static String quoted(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'";
  }

  /** The statements by which each kind of server is told to follow another. */
  private enum Dialect {
    MYSQL("SHOW REPLICA STATUS", "CHANGE REPLICATION SOURCE TO SOURCE_DELAY=") {

      /** A file and an offset, as SQL: it works with GTIDs and without. */
      @Override
      String position(DatabaseServer source) {
        return value(
            source,
            "SELECT CONCAT(QUOTE(local->>'$.binary_log_file'), ',',"
                + " local->>'$.binary_log_position') FROM performance_schema.log_status");
      }

      @Override
      String followed(DatabaseServer replica) {
        return "";
      }

      @Override
      void follow(DatabaseServer replica, DatabaseServer source, String position) {
        String[] fileAndOffset = position.split(",", 2);
        Sql.run(
            replica,
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST="
                + quoted(source.host())
                + ", SOURCE_PORT="
                + source.port()
                + ", SOURCE_USER="
                + quoted(source.user())
                + ", SOURCE_PASSWORD="
                + quoted(source.password())
                + ", SOURCE_AUTO_POSITION=0, SOURCE_LOG_FILE="
                + fileAndOffset[0]
                + ", SOURCE_LOG_POS="
                + fileAndOffset[1]
                + ", SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, GET_SOURCE_PUBLIC_KEY=1",
            BOUND);
      }

      @Override
      String waitFor(String position, long seconds) {
        return "SELECT SOURCE_POS_WAIT(" + position + ", " + seconds + ")";
      }

      @Override
      void restore(DatabaseServer replica, String followed) {
        // It keeps none behind RESET REPLICA ALL.
      }
    },

    MARIADB("SHOW ALL REPLICAS STATUS", "CHANGE MASTER TO MASTER_DELAY=") {

      /** A GTID, with which a killed replica knows exactly what it has applied. */
      @Override
      String position(DatabaseServer source) {
        return value(source, "SELECT QUOTE(@@GLOBAL.gtid_binlog_pos)");
      }

      @Override
      String followed(DatabaseServer replica) {
        return value(replica, "SELECT QUOTE(@@GLOBAL.gtid_slave_pos)");
      }

      @Override
      void follow(DatabaseServer replica, DatabaseServer source, String position) {
        restore(replica, position);
        Sql.run(
            replica,
            "CHANGE MASTER TO MASTER_HOST="
                + quoted(source.host())
                + ", MASTER_PORT="
                + source.port()
                + ", MASTER_USER="
                + quoted(source.user())
                + ", MASTER_PASSWORD="
                + quoted(source.password())
                + ", MASTER_SSL=0, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
            BOUND);
      }

      @Override
      String waitFor(String position, long seconds) {
        return "SELECT MASTER_GTID_WAIT(" + position + ", " + seconds + ")";
      }

      @Override
      void restore(DatabaseServer replica, String followed) {
        Sql.run(replica, "SET GLOBAL gtid_slave_pos = " + followed, BOUND);
      }
    };

    private final String status;
    private final String delay;

    Dialect(String status, String delay) {
      this.status = status;
      this.delay = delay;
    }

    static Dialect of(DatabaseServer server) {
      return value(server, "SELECT VERSION()").contains("MariaDB") ? MARIADB : MYSQL;
    }

    /** The current end of the source's log, as SQL. */
    abstract String position(DatabaseServer source);

    /** The replica's memory of sources that it had, as SQL. */
    abstract String followed(DatabaseServer replica);

    abstract void follow(DatabaseServer replica, DatabaseServer source, String position);

    /**
     * The query that waits for the log up to that position; negative or null if it waited in vain.
     */
    abstract String waitFor(String position, long seconds);

    abstract void restore(DatabaseServer replica, String followed);
  }
}
