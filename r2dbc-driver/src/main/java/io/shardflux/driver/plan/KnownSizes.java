package io.shardflux.driver.plan;

import io.shardflux.router.Internal;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The numbers of rows that mentions of tables had when their statements ran last: which are read
 * first depends on them, and never what is answered. Thread-safe.
 */
@Internal
public final class KnownSizes {

  /** The rows up to which a mention is taken for a small one. */
  static final int FEW = 500;

  /** The statements that are known. */
  private static final int MOST = 1_000;

  /** Stands for more rows than were read. */
  private static final int MORE = Integer.MAX_VALUE - 1;

  /** Stands for rows that are too long to be held. */
  private static final int LONG = Integer.MAX_VALUE;

  // Guarded by itself. The first one was used least lately.
  private final Map<String, Map<Integer, Integer>> all =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Map<Integer, Integer>> eldest) {
          return size() > MOST;
        }
      };

  KnownSizes() {}

  /**
   * What is known of a statement.
   *
   * @param few the rows up to which a mention is taken for a small one
   */
  public Of of(String sql, int few) {
    return new Of(sql, few);
  }

  /** The sizes of one statement's mentions. */
  public final class Of {

    private final String sql;
    private final int few;

    private Of(String sql, int few) {
      this.sql = sql;
      this.few = few;
    }

    /** The rows up to which a mention is taken for a small one. */
    public int few() {
      return few;
    }

    /** Takes the number of all rows of a mention. */
    public void note(int mention, int rows) {
      synchronized (all) {
        all.computeIfAbsent(sql, any -> new TreeMap<>()).put(mention, rows);
      }
    }

    /** Takes note that there are more rows than few. */
    public void noteMore(int mention) {
      note(mention, MORE);
    }

    /** Takes note that all rows are too long to be held. */
    public void noteLong(int mention) {
      note(mention, LONG);
    }

    /** Tells whether all rows of a mention were too long to be held. */
    public boolean isLong(int mention) {
      Integer rows = rows(mention);
      return rows != null && rows == LONG;
    }

    /** Tells whether a mention had more than few rows. */
    public boolean isLarge(int mention) {
      Integer rows = rows(mention);
      return rows != null && rows > few;
    }

    /** The rows of a mention about, for people. */
    public String about(int mention) {
      Integer rows = rows(mention);
      return rows == null
          ? "an unknown number of rows"
          : rows >= MORE ? "more than " + few + " rows lately" : "about " + rows + " rows";
    }

    private @Nullable Integer rows(int mention) {
      synchronized (all) {
        Map<Integer, Integer> known = all.get(sql);
        return known == null ? null : known.get(mention);
      }
    }
  }
}
