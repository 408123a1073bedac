package io.shardflux.benchmarks;

import io.shardflux.spring.ShardfluxAutoConfiguration;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;

/** An application without a router: a controller that gives a {@code Flux}. */
@SpringBootConfiguration
@EnableAutoConfiguration(exclude = ShardfluxAutoConfiguration.class)
class PlainApplication {

  /** {@code /users}, as lines. */
  @RestController
  static final class PlainController {

    private final ByHand users;

    PlainController(ByHand users) {
      this.users = users;
    }

    @GetMapping(path = "/users", produces = MediaType.APPLICATION_NDJSON_VALUE)
    Flux<User> list() {
      return users.all(Long.MAX_VALUE, false);
    }
  }
}
