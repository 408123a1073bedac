package io.shardflux.r2dbc.directory;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.settings.ServerAddress;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.regex.Pattern;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Keeps the assignments of keys to shards in a table of a MySQL-compatible server, which every
 * router that uses the directory can reach.
 *
 * <p>One table can hold several directories, each under its name. A row is a key, by its types and
 * its canonical text, both compared byte by byte, and its shard. The key's text may be edited or
 * filled in by SQL. For one part it is the canonical text of {@link io.shardflux.router.KeyType}.
 * For several it is those texts with commas between, and a backslash before a comma or a backslash
 * inside a part.
 *
 * <p>Thread-safe and non-blocking; nothing happens before a subscription. Every statement is held
 * to {@link Timeouts} and has a connection of the directory's own pool, which a cancel gives back.
 * Errors are those of R2DBC, as {@code ShardRouter} has them, with the server's name in the
 * message. A key that takes more than 2,800 bytes is an {@link IllegalArgumentException}.
 *
 * <p>The maker of a directory must {@linkplain #close() close} it. A router that was made from a
 * document closes those of the document.
 */
public final class TableDirectory implements ShardDirectory {

  /** The default name of the table. */
  public static final String DEFAULT_TABLE = "shardflux_directory";

  /** The names that a directory may have. */
  @Internal public static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");

  private static final int MAX_KEY_BYTES = 2_800;

  private static final String KEY = " WHERE directory = ? AND key_text = ? AND key_types = ?";

  /** No directory has that name. Its rows are the jobs that write, each with its owner's token. */
  private static final String WRITERS = ":writers";

  private final ControlTable table;
  private final String name;
  private final SqlTemplate find;
  private final SqlTemplate assign;
  private final SqlTemplate reassign;
  private final SqlTemplate assigned;
  private final SqlTemplate take;
  private final SqlTemplate put;

  private TableDirectory(Shard server, String table, String name, Timeouts timeouts) {
    ControlTable.check(NAME, "directory", name, "letters, digits, '_', '-' or '.'");
    this.table = new ControlTable(server, "directory table", table, timeouts);
    this.name = name;
    this.find = this.table.sql("SELECT shard FROM {table}" + KEY);
    this.assign =
        this.table.sql(
            "INSERT INTO {table} (directory, key_text, key_types, shard) VALUES (?, ?, ?, ?)"
                + " ON DUPLICATE KEY UPDATE shard = shard");
    this.reassign = this.table.sql("UPDATE {table} SET shard = ?" + KEY + " AND shard = ?");
    this.assigned =
        this.table.sql("SELECT key_text, key_types FROM {table} WHERE directory = ? AND shard = ?");
    this.take =
        this.table.sql(
            "INSERT INTO {table} (directory, key_text, key_types, shard) VALUES (?, ?, '', ?)"
                + " ON DUPLICATE KEY UPDATE shard = GREATEST(CAST(shard AS SIGNED), ?)");
    this.put =
        this.table.sql(
            "INSERT INTO {table} (directory, key_text, key_types, shard) SELECT ?, ?, ?, ? FROM"
                + " {table} AS writers WHERE directory = ? AND key_text = ? AND key_types = ''"
                + " AND shard = ? ON DUPLICATE KEY UPDATE {table}.shard = ?");
  }

  /**
   * {@return a directory in the {@linkplain #DEFAULT_TABLE default table}, with the default times;
   * see {@link #of(Shard, String, String, Timeouts)}}
   *
   * @param server the server of the table; its id is only its name in messages
   * @param name the directory's name in the table
   */
  public static TableDirectory of(Shard server, String name) {
    return of(server, DEFAULT_TABLE, name, Timeouts.defaults());
  }

  /**
   * {@return a directory; connects to nothing}
   *
   * @param server the server of the table; its id is only its name in messages, so that it need not
   *     be one of a router's shards. Without pool bounds of its own it has the defaults
   * @param table 1 to 64 letters, digits or {@code _}, in the database of the server's URL
   * @param name the directory's name in the table: 1 to 64 letters, digits, {@code _}, {@code -} or
   *     {@code .}. Another name is another directory, so it must not change once keys are assigned
   * @param timeouts how long a statement may take
   * @throws IllegalArgumentException if a name has another character, or no R2DBC driver takes the
   *     server's options
   */
  public static TableDirectory of(Shard server, String table, String name, Timeouts timeouts) {
    return new TableDirectory(server, table, name, timeouts);
  }

  /** {@return the place where its assignments are} */
  @Internal
  public Location location() {
    return new Location(table.server().options(), table.name(), name);
  }

  /**
   * Makes the table if it is not there. The account must be allowed to.
   *
   * @return completes when the table is there
   */
  public Mono<Void> createTable() {
    SqlTemplate create =
        table.sql(
            """
            CREATE TABLE IF NOT EXISTS {table} (
              directory VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
              key_text VARBINARY(%d) NOT NULL,
              key_types VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
              shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
              updated_at TIMESTAMP(6) NOT NULL
                DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
              PRIMARY KEY (directory, key_text, key_types),
              KEY shard (directory, shard)
            ) ENGINE = InnoDB\
            """
                .formatted(MAX_KEY_BYTES));
    return table.update(create).then();
  }

  @Override
  public Mono<ShardId> find(ShardKey key) {
    return Mono.defer(
        () -> {
          KeyText text = KeyText.of(key);
          return table.run(find, connection -> shard(connection, text)).singleOrEmpty();
        });
  }

  @Override
  public Mono<ShardId> assign(ShardKey key, ShardId shard) {
    return Mono.defer(
        () -> {
          KeyText text = KeyText.of(key);
          BoundStatement insert =
              ControlTable.bound(assign, name, bytes(text), text.types(), shard.value());
          return table
              .run(
                  assign,
                  connection -> insert.rowsUpdated(connection).thenMany(shard(connection, text)))
              .single();
        });
  }

  @Override
  public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
    if (from.equals(to)) {
      // The server does not count a row that is as wanted.
      return find(key).map(from::equals).defaultIfEmpty(false);
    }
    return Mono.defer(
        () -> {
          KeyText text = KeyText.of(key);
          return table
              .update(reassign, to.value(), name, bytes(text), text.types(), from.value())
              .map(rows -> rows == 1);
        });
  }

  @Override
  public Flux<ShardKey> assigned(ShardId shard) {
    return Flux.defer(
        () -> {
          BoundStatement select = ControlTable.bound(assigned, name, shard.value());
          return table.run(
              assigned, connection -> select.rows(connection, (row, metadata) -> key(row)));
        });
  }

  /**
   * A job that writes where keys are, by the token of its owner. A later owner has a higher one.
   */
  @Internal
  public record Writer(long job, long token) {}

  /** From its end on no owner of the job with a lower token writes. */
  @Internal
  public Mono<Void> take(Writer writer) {
    return table.update(take, WRITERS, text(writer), token(writer), writer.token()).then();
  }

  /**
   * Assigns a key to a shard, wherever it is, unless the job has a later owner, or was left. One
   * statement compares the token and writes, so that nothing can be between both.
   *
   * @return the shard that the key is on afterwards; empty if there is none
   */
  @Internal
  public Mono<ShardId> put(Writer writer, ShardKey key, ShardId shard) {
    return Mono.defer(
        () -> {
          KeyText text = KeyText.of(key);
          BoundStatement insert =
              ControlTable.bound(
                  put,
                  name,
                  bytes(text),
                  text.types(),
                  shard.value(),
                  WRITERS,
                  text(writer),
                  token(writer),
                  shard.value());
          return table
              .run(
                  put,
                  connection -> insert.rowsUpdated(connection).thenMany(shard(connection, text)))
              .singleOrEmpty();
        });
  }

  /** Ends the owner's writes, too. A later one may write. */
  @Internal
  public Mono<Void> leave(Writer writer) {
    return take(new Writer(writer.job(), writer.token() + 1));
  }

  private byte[] text(Writer writer) {
    return (name + " " + writer.job()).getBytes(StandardCharsets.US_ASCII);
  }

  private static String token(Writer writer) {
    return Long.toString(writer.token());
  }

  @Override
  public boolean hasRowsOf(ShardDirectory other) {
    return other instanceof TableDirectory table && location().hasRowsOf(table.location());
  }

  /**
   * Closes the pool: statements under way have 30 s to end, and new ones fail with {@link
   * io.shardflux.r2dbc.failure.ShardUnavailableException}. A second close does nothing more.
   *
   * @return completes when the pool is closed
   */
  public Mono<Void> close() {
    return table.close();
  }

  /** Its name, table and server, without credentials. */
  @Override
  public String toString() {
    return name + " in " + table;
  }

  /**
   * The place of a directory's assignments: those of two directories at one place are the same.
   *
   * @param server the way to the table's server
   * @param table the table
   * @param name the directory's name in the table
   */
  @Internal
  public record Location(ConnectionFactoryOptions server, String table, String name) {

    /**
     * {@return whether another place has the same rows, whatever the account and the options}
     *
     * @param other another directory's place
     */
    public boolean hasRowsOf(Location other) {
      return ServerAddress.of(server).equals(ServerAddress.of(other.server))
          && table.equals(other.table)
          && name.equals(other.name);
    }

    /** Its name and table, without the server. */
    @Override
    public String toString() {
      return name + " in " + table;
    }
  }

  private Flux<ShardId> shard(Connection connection, KeyText key) {
    return ControlTable.bound(find, name, bytes(key), key.types())
        .rows(connection, (row, metadata) -> ShardId.of(text(row, 0)));
  }

  private ShardKey key(Row row) {
    try {
      return new KeyText(text(row, 1), text(row, 0)).key();
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException(this + ", " + e.getMessage(), e);
    }
  }

  /** In UTF-8, so that the text meets no character set on its way to the column. */
  private static byte[] bytes(KeyText key) {
    byte[] bytes = key.text().getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_KEY_BYTES) {
      throw new IllegalArgumentException(
          "key: "
              + bytes.length
              + " bytes (expected: at most "
              + MAX_KEY_BYTES
              + " in a directory's table)");
    }
    return bytes;
  }

  private static String text(Row row, int column) {
    return new String(
        Objects.requireNonNull(row.get(column, byte[].class)), StandardCharsets.UTF_8);
  }
}
