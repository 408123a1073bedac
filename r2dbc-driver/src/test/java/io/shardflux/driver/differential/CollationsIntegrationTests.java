package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.driver.differential.Answer.Refused;
import io.shardflux.driver.differential.Answer.Rows;
import io.shardflux.driver.differential.Generated.Rendered;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import io.shardflux.sql.statement.RefusalCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

/**
 * Texts of the servers' collations over three shards and in one database: groups, orders and counts
 * are the same, or refused. Some collations of each family; all that the servers list, with more
 * texts, by {@code -Dcollations.all=true}.
 */
class CollationsIntegrationTests {

  private static final boolean ALL = Boolean.getBoolean("collations.all");

  /** Collations of one table, whose row must not be too long. */
  private static final int TOGETHER = ALL ? 12 : 14;

  /** Collations by which a merge must be answered. */
  private static final Set<String> COMMON =
      Set.of(
          "utf8mb4_0900_ai_ci",
          "utf8mb4_uca1400_ai_ci",
          "utf8mb4_general_ci",
          "utf8mb4_unicode_ci",
          "utf8mb4_bin",
          "latin1_swedish_ci",
          "gbk_chinese_ci",
          "sjis_japanese_ci");

  /** Collations that compare texts otherwise than they weigh, on one of the servers at least. */
  private static final Set<String> ODD =
      Set.of(
          "big5_chinese_ci",
          "utf8mb4_0900_as_cs",
          "utf8mb4_vi_0900_as_cs",
          "gb18030_chinese_ci",
          "latin2_czech_cs",
          "cp1250_czech_cs",
          "euckr_korean_ci",
          "latin7_general_ci",
          "tis620_thai_ci",
          "utf8mb4_nopad_bin",
          "utf8mb4_general_nopad_ci",
          "utf8mb4_unicode_nopad_ci",
          "latin1_swedish_nopad_ci",
          "utf8mb4_thai_520_w2",
          "utf8mb4_uca1400_as_cs",
          "utf8mb4_uca1400_nopad_ai_cs",
          "utf8mb4_uca1400_nopad_as_ci");

  private static final String SINGLE =
      "aAbBcCdDeEhHiIjJlLnNsSyYzZ09 _-~\t\u0001\u0000ÄäÅåÉéÑñÖößŽžıİøœÆαάςσΑяЯйиёъא"
          + "کಅกเแาำ่각가각かカがガｶ゛ー一丁の日本語啊阿\u0301\u030c\u00ad😀𝒳";

  private final List<ConnectionPool> shards;
  private final ConnectionPool whole;
  private final ShardRouter router;
  private final ConnectionFactory driver;
  private final List<List<Named>> tables = new ArrayList<>();

  CollationsIntegrationTests() {
    List<Database> databases = TestServers.shared().freshDatabases("text");
    shards = databases.stream().map(DifferentialShards::pool).toList();
    whole = DifferentialShards.pool(TestServers.shared().freshDatabases("texts").get(0));
    List<Named> chosen = chosen();
    for (int i = 0; i < chosen.size(); i += TOGETHER) {
      tables.add(chosen.subList(i, Math.min(chosen.size(), i + TOGETHER)));
    }
    ShardRouterBuilder builder = ShardRouter.builder();
    IntStream.range(0, 3)
        .mapToObj(
            i -> Shard.of(DifferentialTables.SHARDS.get(i).value(), databases.get(i).r2dbcUrl()))
        .forEach(builder::shard);
    builder.strategy("by_id", ShardingStrategy.modulo(DifferentialTables.SHARDS));
    for (int i = 0; i < tables.size(); i++) {
      builder.table(new TableRule.Sharded("t" + i, List.of(KeyColumn.integer("id")), "by_id"));
    }
    router = builder.build();
    driver = ShardfluxConnectionFactory.of(router);
  }

  private record Named(String collation, String charset) {}

  /** The collations that are looked at, of all that the server lists. */
  private List<Named> chosen() {
    boolean maria = rows(whole, "SELECT VERSION()").get(0).toString().contains("Maria");
    List<Named> listed =
        rows(
                whole,
                maria
                    ? "SELECT FULL_COLLATION_NAME, CHARACTER_SET_NAME FROM"
                        + " information_schema.COLLATION_CHARACTER_SET_APPLICABILITY ORDER BY 1"
                    : "SELECT COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS"
                        + " ORDER BY 1")
            .stream()
            .map(row -> new Named(String.valueOf(row.get(0)), String.valueOf(row.get(1))))
            .filter(named -> !named.collation().equals("binary"))
            .toList();
    return ALL
        ? listed
        : listed.stream()
            .filter(named -> COMMON.contains(named.collation()) || ODD.contains(named.collation()))
            .toList();
  }

  @BeforeEach
  void fill() {
    String texts =
        texts().stream()
            .map(text -> HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)))
            .map(hex -> "(NULL, CONVERT(x'" + hex + "' USING utf8mb4))")
            .collect(Collectors.joining(", "));
    List<ConnectionPool> all = new ArrayList<>(shards);
    all.add(whole);
    Flux.range(0, all.size())
        .flatMap(i -> filled(all.get(i), i, texts))
        .blockLast(DifferentialShards.BOUND.multipliedBy(5));
  }

  /** All rows in one database; on a shard those of its keys. */
  private Flux<Answer> filled(ConnectionPool pool, int shard, String texts) {
    List<String> sql = new ArrayList<>();
    sql.add("CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(9) COLLATE utf8mb4_bin)");
    sql.add("INSERT INTO s VALUES " + texts);
    for (int i = 0; i < tables.size(); i++) {
      List<String> columns = new ArrayList<>();
      List<String> values = new ArrayList<>();
      for (Named named : tables.get(i)) {
        String collated = " CHARACTER SET " + named.charset() + " COLLATE " + named.collation();
        columns.add("v" + columns.size() + " VARCHAR(9)" + collated);
        columns.add("c" + columns.size() + " CHAR(9)" + collated);
        values.add("CONVERT(u USING " + named.charset() + ")");
        values.add("CONVERT(u USING " + named.charset() + ")");
      }
      sql.add("CREATE TABLE t" + i + " (id INT PRIMARY KEY, " + String.join(", ", columns) + ")");
      sql.add(
          "INSERT IGNORE INTO t"
              + i
              + " SELECT id, "
              + String.join(", ", values)
              + " FROM s"
              + (shard < 3 ? " WHERE id % 3 = " + shard : ""));
    }
    return Flux.fromIterable(sql)
        .concatMap(each -> Asked.of(pool, new Rendered(each, Map.of()), true))
        .doOnNext(answer -> assertThat(answer).isInstanceOf(Answer.Changed.class));
  }

  /** Letters alone, with others behind them, and with what is at a text's end. */
  private static Set<String> texts() {
    List<String> single = SINGLE.codePoints().mapToObj(Character::toString).toList();
    Set<String> texts = new LinkedHashSet<>(List.of("", "ch", "Ch", "lj", "ss", "oe", "aa", "a b"));
    for (int i = 0; i < single.size(); i++) {
      String one = single.get(i);
      texts.add(one);
      texts.add(one + single.get((i * 7 + 5) % single.size()));
      texts.add("a" + one);
      if (!one.equals("\u00ad") && !one.equals("\u0301") && !one.equals("\u030c")) {
        texts.add(one + " ");
      }
      for (int j = i % 9; j < single.size() && ALL; j += 9) {
        texts.add(one + single.get(j));
      }
    }
    // A server itself takes a space before what weighs nothing for more, or for nothing.
    texts.removeIf(text -> text.matches(".* [\u0000\u0001\u00ad\u0301\u030c].*"));
    return texts;
  }

  @AfterEach
  void close() {
    router.close().block(DifferentialShards.BOUND);
    shards.forEach(pool -> pool.disposeLater().block(DifferentialShards.BOUND));
    whole.disposeLater().block(DifferentialShards.BOUND);
  }

  @Test
  void textsAreOrderedAndToldApartAsByOneServer() {
    List<String> wrong = new ArrayList<>();
    Set<String> refused = new TreeSet<>();
    for (int i = 0; i < tables.size(); i++) {
      for (int j = 0; j < tables.get(i).size(); j++) {
        String collation = tables.get(i).get(j).collation();
        for (String column : List.of("v" + 2 * j, "c" + (2 * j + 1))) {
          for (String sql : statements("t" + i, column)) {
            compare(collation + " " + column.charAt(0), sql, wrong, refused);
          }
        }
      }
    }
    System.out.println("texts: " + texts().size() + "; refused: " + refused);
    assertThat(wrong).isEmpty();
    List<String> ofVarchar =
        refused.stream()
            .filter(each -> each.endsWith(" v"))
            .map(each -> each.substring(0, each.length() - 2))
            .toList();
    assertThat(ofVarchar).doesNotContainAnyElementsOf(COMMON);
  }

  private static List<String> statements(String table, String column) {
    String from = " FROM " + table;
    return List.of(
        "SELECT COUNT(*), MIN(id), SUM(id)" + from + " GROUP BY " + column + " ORDER BY 2",
        "SELECT COUNT(DISTINCT " + column + "), COUNT(DISTINCT LOWER(" + column + "))" + from,
        "SELECT id" + from + " ORDER BY " + column + ", id",
        "SELECT COUNT(*), MAX(id)" + from + " GROUP BY CONCAT(" + column + ", 'x') ORDER BY 2",
        "SELECT COUNT(*)" + from + " GROUP BY " + column + " ORDER BY " + column + " DESC");
  }

  private void compare(String what, String sql, List<String> wrong, Set<String> refused) {
    Rendered rendered = new Rendered(sql, Map.of());
    Answer answer = Asked.of(driver, rendered, false).block(DifferentialShards.BOUND);
    if (answer instanceof Refused refusal && refusal.code() == RefusalCode.UNSORTABLE) {
      refused.add(what);
      return;
    }
    List<List<@Nullable Object>> one = rows(whole, sql);
    if (!(answer instanceof Rows rows) || !numbers(rows.rows()).equals(numbers(one))) {
      wrong.add(what + ": " + sql + ": " + difference(answer, one));
    }
  }

  private static String difference(@Nullable Answer answer, List<List<@Nullable Object>> one) {
    if (!(answer instanceof Rows rows)) {
      return String.valueOf(answer);
    }
    List<List<String>> a = numbers(one);
    List<List<String>> b = numbers(rows.rows());
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!a.get(i).equals(b.get(i))) {
        return "row " + i + ": " + a.get(i) + ", sharded " + b.get(i);
      }
    }
    return a.size() + " rows, sharded " + b.size();
  }

  private static List<List<String>> numbers(List<List<@Nullable Object>> rows) {
    return rows.stream().map(row -> row.stream().map(String::valueOf).toList()).toList();
  }

  private static List<List<@Nullable Object>> rows(ConnectionFactory database, String sql) {
    Answer answer =
        Asked.of(database, new Rendered(sql, Map.of()), false).block(DifferentialShards.BOUND);
    assertThat(answer).as(sql).isInstanceOf(Rows.class);
    return ((Rows) answer).rows();
  }
}
