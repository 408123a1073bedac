package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a plan refuses by the tables of its shards, each with its code, before a row is touched. */
@TestInstance(Lifecycle.PER_CLASS)
class RefusedPlansIntegrationTests {

  private static final ShardingStrategy NEXT = ShardingStrategy.fixed(S1);

  private MoveFixture fixture;
  private ShardMoves moves;

  @BeforeAll
  void open() {
    fixture = new MoveFixture("{type: fixed, shard: shard_0}");
    fixture.load(6);
    moves = fixture.hasty(0, MoveJob.Guards.ALL);
  }

  @AfterAll
  void close() {
    fixture.close();
  }

  /** Each is done on some shards, looked for, and taken back. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "TABLE_DIFFERS | 1 | ALTER TABLE users ADD UNIQUE extra (name) | ALTER TABLE users DROP KEY"
            + " extra | users on shard_1: with unique key name than on shard_0",
        "TABLE_DIFFERS | 0 | ALTER TABLE users ADD UNIQUE extra (name) | ALTER TABLE users DROP KEY"
            + " extra | users on shard_1: without unique key name than on shard_0",
        "TABLE_DIFFERS | 1 | ALTER TABLE users ALTER version SET DEFAULT 7 | ALTER TABLE users"
            + " ALTER version DROP DEFAULT | users on shard_1: ",
        "TABLE_DIFFERS | 1 | ALTER TABLE users ADD CONSTRAINT small CHECK (version < 100) | ALTER"
            + " TABLE users DROP CONSTRAINT small | users on shard_1: with check ",
        "TABLE_DIFFERS | 1 | ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id)"
            + " REFERENCES users (id) | ALTER TABLE orders DROP FOREIGN KEY of_user"
            + " | orders on shard_1: with foreign key user_id to users(id) than",
        "FOREIGN_KEY | 01 | ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id)"
            + " REFERENCES users (id) ON DELETE CASCADE | ALTER TABLE orders DROP FOREIGN KEY"
            + " of_user | orders on shard_0: of_user (expected: none that cascades",
        "FOREIGN_KEY | 01 | CREATE TABLE notes (id INT PRIMARY KEY, user_id BIGINT, CONSTRAINT"
            + " of_note FOREIGN KEY (user_id) REFERENCES users (id)) | DROP TABLE notes"
            + " | users on shard_0: of_note (expected: ",
        "FOREIGN_KEY | 1 | CREATE TABLE notes (id INT PRIMARY KEY, user_id BIGINT, CONSTRAINT"
            + " of_note FOREIGN KEY (user_id) REFERENCES users (id)) | DROP TABLE notes"
            + " | users on shard_1: of_note (expected: ",
        "NOT_INNODB | 1 | ALTER TABLE users ENGINE = MyISAM | ALTER TABLE users ENGINE = InnoDB"
            + " | users on shard_1: MyISAM (expected: InnoDB)",
        "KEY_TYPE | 01 | ALTER TABLE orders ADD part DOUBLE NOT NULL DEFAULT 0, DROP PRIMARY KEY,"
            + " ADD PRIMARY KEY (user_id, no, part) | ALTER TABLE orders DROP PRIMARY KEY, DROP"
            + " part, ADD PRIMARY KEY (user_id, no) | orders on shard_0: part, double in the",
        "TABLE_MISSING | 0 | RENAME TABLE orders TO elsewhere | RENAME TABLE elsewhere TO orders"
            + " | orders on shard_0: missing (expected: ",
      })
  void isRefused(Code code, String servers, String done, String undone, String message) {
    on(servers, done);
    try {
      MovePlan plan = plan();
      assertThat(plan.refusals())
          .anySatisfy(
              refusal -> {
                assertThat(refusal.code()).isEqualTo(code);
                assertThat(refusal.where() + ": " + refusal.message()).startsWith(message);
              });
      assertThatThrownBy(() -> moves.start(plan).block(BOUND))
          .isInstanceOf(MoveRefusedException.class);
    } finally {
      on(servers, undone);
    }
    assertThat(plan().refusals()).isEmpty();
  }

  /** Another name of a key, or its place among others, means nothing. */
  @Test
  void namesOfKeysMayDiffer() {
    on("0", "ALTER TABLE users ADD UNIQUE one (name, id), ADD CONSTRAINT a CHECK (version >= 0)");
    on("1", "ALTER TABLE users ADD UNIQUE two (name, id), ADD CONSTRAINT b CHECK (version >= 0)");
    try {
      assertThat(plan().refusals()).extracting(Refusal::code).doesNotContain(Code.TABLE_DIFFERS);
    } finally {
      on("0", "ALTER TABLE users DROP KEY one, DROP CONSTRAINT a");
      on("1", "ALTER TABLE users DROP KEY two, DROP CONSTRAINT b");
    }
  }

  /** It changes what all sessions of the server do, so it must run alone. */
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  @Test
  void aBinaryLogOfStatementsIsRefused() {
    assumeTrue(fixture.number("SELECT @@log_bin") == 1, "a server without a binary log");
    on("0", "SET GLOBAL binlog_format = 'STATEMENT'");
    try {
      assertThat(plan().refusals()).extracting(Refusal::code).contains(Code.STATEMENT_BINLOG);
    } finally {
      on("0", "SET GLOBAL binlog_format = 'ROW'");
    }
  }

  private MovePlan plan() {
    return moves.plan("by_user", NEXT).blockOptional(BOUND).orElseThrow();
  }

  private void on(String servers, String sql) {
    servers.chars().map(digit -> digit - '0').forEach(server -> fixture.onServer(server, sql));
  }

  /** Orders that refer to users move with them, and so does their foreign key. */
  @Test
  void tablesThatReferToEachOtherMove() {
    try (MoveFixture referring = new MoveFixture("{type: fixed, shard: shard_0}")) {
      for (ShardId shard : List.of(S0, S1)) {
        referring
            .router(0)
            .on(shard)
            .sql("ALTER TABLE orders ADD CONSTRAINT FOREIGN KEY (user_id) REFERENCES users (id)")
            .rowsUpdated()
            .block(BOUND);
      }
      referring.load(30);
      Map<Long, List<String>> before = referring.rows();
      ShardingStrategy both = ShardingStrategy.hash(List.of(S0, S1));
      referring.run(referring.hasty(0, MoveJob.Guards.ALL), both);
      referring.check(before, both);
      assertThat(both.locate(ShardKey.of(1))).isIn(S0, S1);
    }
  }
}
