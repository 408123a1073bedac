package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import java.lang.reflect.Proxy;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

class ShardfluxConnectionFactoryTests {

  /** So an application starts whose test has put a stub in the router's place. */
  @Test
  void aStubbedRouterIsRefusedByTheFirstConnection() {
    ShardRouter stub =
        (ShardRouter)
            Proxy.newProxyInstance(
                ShardRouter.class.getClassLoader(),
                new Class<?>[] {ShardRouter.class},
                (proxy, method, arguments) -> null);
    ShardfluxConnectionFactory factory = ShardfluxConnectionFactory.of(stub);
    StepVerifier.create(factory.create())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageEndingWith("(expected: one that ShardRouter.builder() made)"))
        .verify(Duration.ofSeconds(30));
  }
}
