package io.shardflux.sql.gather;

import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Copies;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.ValueKind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A read that one server answers which has the rows of all shards: each mention of a table stands
 * for a temporary table with the rows that the mention may need. Immutable.
 *
 * @param mentions the mentions whose rows are read from their shards, in the order of the text
 * @param copies the tables that the server must have itself, because each server has all their rows
 * @param names the names of all columns in the text, in lower case
 * @param statement the text that the server is sent once it has the rows
 * @param target what the statement fills in place of giving rows; null if it gives them
 * @param tablesOnly whether rows must stand in tables, because a query with groups has a name that
 *     may be an alias and a column: servers find it otherwise in rows that a text has
 */
public record Gather(
    List<Mention> mentions,
    Set<String> copies,
    Set<String> names,
    ShardSql statement,
    @Nullable Target target,
    boolean tablesOnly) {

  /** The characters that a router takes in a statement. */
  static final int MOST_CHARACTERS = 1 << 20;

  /** The characters for the values of a link, and more. */
  private static final int MOST_OF_LINK = 1 << 13;

  private static final String MODES = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,STRICT_ALL_TABLES";

  /** The beginning of the names of temporary tables. */
  public static final String PREFIX = "_shardflux_g";

  /**
   * Copies the collections.
   *
   * @param mentions see {@link #mentions()}
   * @param copies see {@link #copies()}
   * @param names see {@link #names()}
   * @param statement see {@link #statement()}
   * @param target see {@link #target()}
   * @param tablesOnly see {@link #tablesOnly()}
   */
  public Gather {
    mentions = List.copyOf(mentions);
    copies = Set.copyOf(copies);
    names = Set.copyOf(names);
  }

  /**
   * A temporary table like the table that an {@code INSERT … SELECT} is for, so that the server
   * makes the values what the table would store.
   *
   * @param columns the columns that get values, in that order
   * @param keys the names of those that tell a row's shard
   */
  public record Target(List<Catalog.Column> columns, List<String> keys) {

    /** The name of the temporary table. */
    public static final String NAME = "_shardflux_gt";

    /**
     * Copies the lists.
     *
     * @param columns see {@link #columns()}
     * @param keys see {@link #keys()}
     */
    public Target {
      columns = List.copyOf(columns);
      keys = List.copyOf(keys);
    }

    /** {@return the statement that makes the temporary table} */
    public String create() {
      return TemporaryTable.create(
          NAME, columns.stream().map(Target::unnumbered).toList(), List.of());
    }

    /** A table numbers its rows itself, of values that this one keeps as they are. */
    private static Catalog.Column unnumbered(Catalog.Column column) {
      boolean numbered = column.filling() == Catalog.Filling.NUMBERED;
      return new Catalog.Column(
          column.name(),
          column.type(),
          numbered || column.nullable(),
          column.collation(),
          false,
          Catalog.Filling.GIVEN);
    }

    /** The beginning of the statement that fills it, up to the query. */
    String insert(boolean ignoring) {
      return (ignoring ? "INSERT IGNORE INTO `" : "INSERT INTO `")
          + NAME
          + "` ("
          + TemporaryTable.names(columns)
          + ") ";
    }

    /**
     * {@return the statement that gives its rows in the order in which they came} Each is one text,
     * its values as literals in parentheses; NULL where they can't be written down.
     */
    public String rows() {
      return "SELECT "
          + TemporaryTable.inserted(columns, NAME, keys)
          + " AS r FROM `"
          + NAME
          + "` ORDER BY "
          + TemporaryTable.quoted(TemporaryTable.ROW);
    }
  }

  /** {@return the mentions whose rows another one has too, with that one, by their index} */
  public List<Mention> likes(int index) {
    return mentions.stream().filter(mention -> mention.same() == index).toList();
  }

  /** Tells whether none of its texts is too long, nor becomes so with values. */
  boolean fits() {
    return statement.text().length() <= MOST_CHARACTERS
        && mentions.stream()
            .allMatch(
                mention ->
                    mention.rows().text().length() + MOST_OF_LINK * mention.links().size()
                        <= MOST_CHARACTERS);
  }

  /** {@return the characters of all its texts} */
  public int length() {
    return statement.text().length()
        + mentions.stream().mapToInt(mention -> mention.rows().text().length()).sum();
  }

  /**
   * {@return the statement with the rows of all mentions in it, for a server that is given them so}
   * Behind the marker for the limit it has one for each mention that is read. Null where a value
   * may not arrive exactly so, or names may be found otherwise.
   */
  public @Nullable ShardSql inText() {
    List<Integer> read = read();
    return target == null
            && !read.isEmpty()
            && mentions.stream().allMatch(Mention::fitsText)
            && !tablesOnly
        ? RowsInText.of(this, read, limitMarker() + 1).in(statement)
        : null;
  }

  /** {@return the indexes of the mentions whose rows are read, as no other one has them} */
  public List<Integer> read() {
    List<Integer> read = new ArrayList<>();
    for (int i = 0; i < mentions.size(); i++) {
      if (mentions.get(i).same() == i) {
        read.add(i);
      }
    }
    return read;
  }

  private int limitMarker() {
    List<Integer> markers = mentions.get(0).rows().markers();
    return markers.get(markers.size() - 1);
  }

  /**
   * Checks that a shard has the {@link #copies()}.
   *
   * @param topology says where they are
   * @param shard the shard that is to answer
   * @throws RefusedSqlException if it lacks one
   */
  public void checkCopies(Topology topology, ShardId shard) {
    new Copies(topology, copies).checkRead(List.of(shard));
  }

  /**
   * A column whose values are read as such beside a mention's rows, to cut others down.
   *
   * @param column its name
   * @param kind what its values are read as
   */
  public record JoinColumn(String column, ValueKind kind) {}

  /**
   * A way to cut a mention's rows down: they matter only if their column has a value of another
   * mention's rows.
   *
   * @param column the column's name
   * @param mention the index of the other mention
   * @param joinColumn the index of the other mention's column
   */
  public record Link(String column, int mention, int joinColumn) {}

  /**
   * The values that one column of a mention's rows must have one of.
   *
   * @param column the column's name
   * @param values how many values there are, at least one
   */
  public record Filter(String column, int values) {}

  /**
   * A mention of which only rows with some values matter.
   *
   * @param mention its index
   * @param filters what its rows must satisfy
   */
  public record Cut(int mention, List<Filter> filters) {

    /**
     * Copies the list.
     *
     * @param mention see {@link #mention()}
     * @param filters see {@link #filters()}
     */
    public Cut {
      filters = List.copyOf(filters);
    }
  }

  /**
   * A place in the statement's text.
   *
   * @param start where the table's name begins
   * @param end the place behind the table's alias
   */
  public record Place(int start, int end) {}

  /**
   * A mention of a table.
   *
   * @param table the table
   * @param alias the name that its columns are qualified by in {@link #rows()}
   * @param temporary the name of its temporary table
   * @param same the index of the mention whose rows it has, as both are of one query that is
   *     written several times; its own if its rows are read
   * @param columns the columns that the statement may need, at least one
   * @param key the columns of the table's primary key, if all are among these and an index may have
   *     them; otherwise none
   * @param unique the columns of each other unique key of the table, if all are among these, and an
   *     index may have them
   * @param keyed whether the key is known to tell rows of all shards apart, as it has the sharding
   *     key
   * @param grouped whether its rows are groups that each shard makes of its own rows, of which
   *     several shards may have the same
   * @param joinColumns the columns whose values are read beside the rows
   * @param links the ways to cut the rows down
   * @param rows gives for each row its values as literals in one text, in parentheses; NULL where
   *     they can't be written down; behind it the {@link #joinColumns()}. Behind the markers of the
   *     statement it has one for the limit
   * @param place where the statement names the table; null where other rows of it must not stand
   *     there in the table's place
   */
  public record Mention(
      String table,
      String alias,
      String temporary,
      int same,
      List<Catalog.Column> columns,
      List<Catalog.Column> key,
      List<List<Catalog.Column>> unique,
      boolean keyed,
      boolean grouped,
      List<JoinColumn> joinColumns,
      List<Link> links,
      ShardSql rows,
      @Nullable Place place) {

    /**
     * Copies the lists.
     *
     * @param table see {@link #table()}
     * @param alias see {@link #alias()}
     * @param temporary see {@link #temporary()}
     * @param same see {@link #same()}
     * @param columns see {@link #columns()}
     * @param key see {@link #key()}
     * @param unique see {@link #unique()}
     * @param keyed see {@link #keyed()}
     * @param grouped see {@link #grouped()}
     * @param joinColumns see {@link #joinColumns()}
     * @param links see {@link #links()}
     * @param rows see {@link #rows()}
     * @param place see {@link #place()}
     */
    public Mention {
      columns = List.copyOf(columns);
      key = List.copyOf(key);
      unique = unique.stream().map(List::copyOf).toList();
      joinColumns = List.copyOf(joinColumns);
      links = List.copyOf(links);
    }

    private List<List<Catalog.Column>> lacking() {
      List<List<Catalog.Column>> lacking = new ArrayList<>(unique);
      if (!keyed && !key.isEmpty()) {
        lacking.add(key);
      }
      return lacking;
    }

    /**
     * {@return the statements that give the temporary table the keys that it lacks, because rows of
     * several shards may have them alike}
     */
    public List<String> addKeys() {
      return lacking().stream()
          .map(
              columns ->
                  "ALTER TABLE "
                      + TemporaryTable.quoted(temporary)
                      + " ADD UNIQUE KEY ("
                      + TemporaryTable.names(columns)
                      + ")")
          .toList();
    }

    /**
     * {@return {@link #rows()} for fewer rows} Behind the marker for the limit it has one for each
     * value.
     *
     * @param filters what the rows must satisfy besides
     */
    public ShardSql rows(List<Filter> filters) {
      int end = rows.text().lastIndexOf(" LIMIT ");
      StringBuilder sql = new StringBuilder(rows.text().substring(0, end));
      List<Integer> markers = new ArrayList<>(rows.markers());
      Integer limit = markers.remove(markers.size() - 1);
      int next = limit + 1;
      String before = rows.text().lastIndexOf(" WHERE (", end) < 0 ? " WHERE " : " AND ";
      for (Filter filter : filters) {
        sql.append(before)
            .append(TemporaryTable.quoted(alias))
            .append('.')
            .append(TemporaryTable.quoted(filter.column()))
            .append(" IN (?")
            .append(", ?".repeat(filter.values() - 1))
            .append(')');
        for (int i = 0; i < filter.values(); i++) {
          markers.add(next++);
        }
        before = " AND ";
      }
      markers.add(limit);
      return new ShardSql(sql + rows.text().substring(end), markers);
    }

    /**
     * {@return whether a text may have its rows in it, because values of all its columns arrive so
     * exactly}
     */
    public boolean fitsText() {
      return JsonRows.fit(columns);
    }

    /**
     * {@return its rows as one JSON text, for a text that has them in it} Null where a value would
     * not arrive exactly, or there are too many.
     *
     * @param chunks lists of rows, each as {@link #rows()} gives it
     * @param most the characters at most
     */
    public @Nullable String json(List<? extends CharSequence> chunks, int most) {
      return JsonRows.of(columns, chunks, most);
    }

    /**
     * {@return a query in parentheses in place of the table, of fewer rows}
     *
     * @param filters what the rows must satisfy
     * @param first the index of the marker of the first value; the others' follow
     */
    public ShardSql only(List<Filter> filters, int first) {
      List<Integer> markers = new ArrayList<>();
      String conditions =
          filters.stream()
              .map(
                  filter -> {
                    for (int i = 0; i < filter.values(); i++) {
                      markers.add(first + markers.size());
                    }
                    return TemporaryTable.quoted(filter.column())
                        + " IN (?"
                        + ", ?".repeat(filter.values() - 1)
                        + ")";
                  })
              .collect(Collectors.joining(" AND "));
      return new ShardSql(
          "(SELECT * FROM "
              + TemporaryTable.quoted(table)
              + " WHERE "
              + conditions
              + ") AS "
              + TemporaryTable.quoted(alias),
          markers);
    }

    /** {@return the statement that makes the temporary table} */
    public String create() {
      return TemporaryTable.create(temporary, columns, keyed ? key : List.of());
    }

    /**
     * {@return the beginning of a statement that fills the temporary table, up to the rows} Values
     * are stored as they are, whatever the session's modes and its time zone. One that the table
     * can't hold is an error.
     *
     * @param mariaDb whether the server is a MariaDB
     */
    public String insert(boolean mariaDb) {
      String names =
          columns.stream()
              .map(column -> TemporaryTable.quoted(column.name()))
              .collect(Collectors.joining(", "));
      String into = "INTO " + TemporaryTable.quoted(temporary) + " (" + names + ") VALUES ";
      return mariaDb
          ? "SET STATEMENT sql_mode='" + MODES + "', time_zone='+00:00' FOR INSERT " + into
          : "INSERT /*+ SET_VAR(sql_mode='" + MODES + "') SET_VAR(time_zone='+00:00') */ " + into;
    }
  }
}
