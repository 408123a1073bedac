package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Transactions in doubt, as operators see and end them. */
class TransactionsIntegrationTests {

  private static final Duration BOUND = WebApplication.BOUND;
  private static final String PATH = "/actuator/transactions";

  private final List<Database> databases = TestServers.shared().freshDatabases("doubts");

  private WebApplication application() {
    return WebApplication.on(
        databases.subList(0, 2).stream().map(Database::r2dbcUrl).toList(),
        "shardflux.strategies.by_id.type=modulo",
        "shardflux.strategies.by_id.shards[0]=shard_0",
        "shardflux.strategies.by_id.shards[1]=shard_1",
        "shardflux.tables.accounts.strategy=by_id",
        "shardflux.tables.accounts.key.id=integer",
        "shardflux.transactions.mode=atomic",
        "shardflux.transactions.recover-every=1h",
        "management.endpoints.web.exposure.include=transactions");
  }

  /** One whose deciding shard can't decide yet, because somebody holds its row. */
  @Test
  void areShownAndEndedByHandAsTheirLeadHasIt() {
    try (WebApplication application = application()) {
      load(application.router());
      Connection holder = session(0);
      run(holder, "BEGIN");
      run(holder, "SELECT id FROM shardflux_barrier FOR UPDATE");
      CompletableFuture<Long> transfer = transfer(application.router()).toFuture();
      JsonNode doubt = inDoubt(application);
      assertThat(doubt.get("lead").asString()).isEqualTo("shard_0");
      assertThat(doubt.get("shards").get(0).asString()).isEqualTo("shard_1");
      assertThat(doubt.get("state").asString()).isEqualTo("FRESH");
      assertThat(doubt.get("seconds").asDouble()).isNotNegative();
      assertThat(doubt.get("endedByHand").asString()).startsWith("its lead's decision stands");
      String name = doubt.get("transaction").asString();
      assertThat(json(get(application, "/" + name).expectStatus().isOk())).isEqualTo(doubt);
      // Its lead has decided nothing, so that it is rolled back for good.
      JsonNode ended =
          json(end(application, name, Map.of("outcome", "committed")).expectStatus().isOk());
      assertThat(ended.get("outcome").asString()).isEqualTo("ROLLED_BACK");
      run(holder, "ROLLBACK");
      assertThat(transfer.handle((count, error) -> String.valueOf(error)).join())
          .contains("was rolled back by a router that took it for abandoned");
      assertThat(amounts(application.router())).containsExactly(100L, 100L);
      get(application, "/" + name).expectStatus().isNotFound();
      end(application, name, Map.of("outcome", "committed")).expectStatus().isBadRequest();
      close(holder);
    }
  }

  /** Nobody can know its outcome, so that an operator must say what he accepts. */
  @Test
  void areEndedAsWantedWhereTheirLeadIsGone() {
    try (WebApplication application = application()) {
      load(application.router());
      Connection holder = session(0);
      run(holder, "BEGIN");
      run(holder, "SELECT id FROM shardflux_barrier FOR UPDATE");
      CompletableFuture<Long> transfer = transfer(application.router()).toFuture();
      String first = inDoubt(application).get("transaction").asString();
      // Its own router still looks for its part for a moment, so that another one is left behind.
      String name = first.substring(0, first.lastIndexOf(':')) + ":zz";
      String xid = xid(first).replace(first, name);
      end(application, first, Map.of("outcome", "rolled-back")).expectStatus().isOk();
      run(holder, "ROLLBACK");
      transfer.handle((count, error) -> 0).join();
      Connection part = session(1);
      run(part, "XA START " + xid);
      run(part, "UPDATE accounts SET amount = 130 WHERE id = 1");
      run(part, "XA END " + xid);
      run(part, "XA PREPARE " + xid);
      close(part);
      // As another database in the place of the lead would have it.
      run(holder, "UPDATE shardflux_barrier SET place = UUID()");
      close(holder);
      JsonNode doubt = inDoubt(application);
      assertThat(doubt.get("lead").isNull()).isTrue();
      assertThat(doubt.get("endedByHand").asString()).contains("it is then stored in part");
      end(application, name, Map.of("outcome", "committed")).expectStatus().isBadRequest();
      assertThat(amounts(application.router())).containsExactly(100L, 100L);
      JsonNode ended =
          json(
              end(application, name, Map.of("outcome", "committed", "accept", "stored-in-part"))
                  .expectStatus()
                  .isOk());
      assertThat(ended.get("outcome").asString()).isEqualTo("COMMITTED");
      assertThat(amounts(application.router())).containsExactly(100L, 130L);
      assertThat(all(application).get("inDoubt")).isEmpty();
    }
  }

  @Test
  void shardsThatDoNotTellAreNamed() {
    try (WebApplication application = application()) {
      application.router().operations().createTransactionTables().block(BOUND);
      assertThat(all(application).get("unanswered")).isEmpty();
      Connection session = session(1);
      run(session, "DROP TABLE shardflux_barrier");
      close(session);
      JsonNode all = all(application);
      assertThat(all.get("inDoubt")).isEmpty();
      assertThat(all.get("unanswered").propertyNames()).containsExactly("shard_1");
    }
  }

  private static void load(ShardRouter router) {
    router.operations().createTransactionTables().block(BOUND);
    router
        .onAll()
        .sql("CREATE TABLE accounts (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL)")
        .rowsUpdated()
        .blockLast(BOUND);
    for (long id = 0; id < 2; id++) {
      router
          .on("accounts", ShardKey.of(id))
          .sql("INSERT INTO accounts VALUES (?, 100)")
          .bind(0, id)
          .rowsUpdated()
          .block(BOUND);
    }
  }

  private static Mono<Long> transfer(ShardRouter router) {
    return router
        .inTransaction(
            transaction ->
                transaction
                    .on("accounts", ShardKey.of(0))
                    .sql("UPDATE accounts SET amount = amount - 30 WHERE id = 0")
                    .rowsUpdated()
                    .then(
                        transaction
                            .on("accounts", ShardKey.of(1))
                            .sql("UPDATE accounts SET amount = amount + 30 WHERE id = 1")
                            .rowsUpdated()))
        .single();
  }

  private static List<Long> amounts(ShardRouter router) {
    return Flux.just(0L, 1L)
        .concatMap(
            id ->
                router
                    .on("accounts", ShardKey.of(id))
                    .sql("SELECT amount FROM accounts WHERE id = ?")
                    .bind(0, id)
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                    .one())
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** The only one, once it is there. */
  private static JsonNode inDoubt(WebApplication application) {
    Awaitility.await().atMost(BOUND).until(() -> all(application).get("inDoubt").size() == 1);
    return all(application).get("inDoubt").get(0);
  }

  private static JsonNode all(WebApplication application) {
    return json(get(application, "").expectStatus().isOk());
  }

  private static WebTestClient.ResponseSpec get(WebApplication application, String path) {
    return application.client().get().uri(PATH + path).exchange();
  }

  private static WebTestClient.ResponseSpec end(
      WebApplication application, String name, Map<String, ?> body) {
    return application.client().post().uri(PATH + "/" + name).bodyValue(body).exchange();
  }

  private static JsonNode json(WebTestClient.ResponseSpec answer) {
    return new JsonMapper()
        .readTree(String.valueOf(answer.expectBody(String.class).returnResult().getResponseBody()));
  }

  /** The name of the part on the second shard, as SQL writes it. */
  private String xid(String transaction) {
    Connection session = session(1);
    String xid =
        Flux.from(session.createStatement("XA RECOVER").execute())
            .concatMap(
                result ->
                    result.map(
                        row -> {
                          byte[] bytes = Objects.requireNonNull(row.get("data", byte[].class));
                          String data = new String(bytes, StandardCharsets.UTF_8);
                          int length =
                              Objects.requireNonNull(row.get("gtrid_length", Integer.class));
                          return "'%s','%s',%s"
                              .formatted(
                                  data.substring(0, length),
                                  data.substring(length),
                                  row.get("formatID", Long.class));
                        }))
            .filter(each -> each.startsWith("'" + transaction + "'"))
            .next()
            .blockOptional(BOUND)
            .orElseThrow();
    close(session);
    return xid;
  }

  private Connection session(int shard) {
    return Mono.defer(
            () -> Mono.from(ConnectionFactories.get(databases.get(shard).r2dbcUrl()).create()))
        .subscribeOn(Schedulers.boundedElastic())
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static void run(Connection session, String sql) {
    Flux.from(session.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .blockLast(BOUND);
  }

  private static void close(Connection session) {
    Mono.from(session.close()).block(BOUND);
  }
}
