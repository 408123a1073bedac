package io.shardflux.api;

import io.shardflux.api.users.Users;
import io.shardflux.api.wire.User;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.servers.EmbeddedServers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.core.io.Resource;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Makes the table on the embedded servers and fills it if it is empty. */
@Component
@ConditionalOnBean(EmbeddedServers.class)
final class SampleUsers implements InitializingBean {

  static final int COUNT = 1_000;

  private static final Logger log = LoggerFactory.getLogger(SampleUsers.class);
  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final List<String> FIRST_NAMES =
      List.of("Ada", "Bo", "Chloé", "Dmitri", "Esra", "Femi", "Grete", "Hiro", "Inés", "Jürgen");
  private static final List<String> LAST_NAMES =
      List.of("Åberg", "Bauer", "Costa", "Dubois", "Eze", "Fischer", "García", "Haddad", "Ito");

  private final ShardRouter router;
  private final Users users;
  private final String table;

  SampleUsers(ShardRouter router, Users users, @Value("classpath:users.sql") Resource table)
      throws IOException {
    this.router = router;
    this.users = users;
    this.table = table.getContentAsString(StandardCharsets.UTF_8);
  }

  /** Runs on the thread that starts the application, before it listens. */
  @Override
  public void afterPropertiesSet()
      throws ExecutionException, InterruptedException, TimeoutException {
    everywhere(table)
        .then(isEmpty())
        .filter(empty -> empty)
        .flatMap(empty -> load())
        .toFuture()
        .get(BOUND.toSeconds(), TimeUnit.SECONDS);
  }

  /** By the names of the shards, so that users may be on their way to another one. */
  private Mono<Void> everywhere(String sql) {
    return Flux.fromIterable(router.topology().shards())
        .flatMap(shard -> router.on(shard).sql(sql).rowsUpdated())
        .then();
  }

  private Mono<Boolean> isEmpty() {
    return router
        .onAll()
        .sql("SELECT id FROM users WHERE :owned(users) LIMIT 1")
        .map((row, metadata) -> true)
        .rows()
        .hasElements()
        .map(some -> !some);
  }

  private Mono<Void> load() {
    return Flux.range(1, COUNT)
        .map(SampleUsers::user)
        .flatMap(users::insert, 16)
        .count()
        .doOnNext(count -> log.info("{} sample users loaded", count))
        .then();
  }

  private static User user(int id) {
    String first = FIRST_NAMES.get(id % FIRST_NAMES.size());
    String last = LAST_NAMES.get(id % LAST_NAMES.size());
    return new User(id, "user" + id, "user" + id + "@example.org", first + " " + last);
  }
}
