package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

/** Composite, geo and tenant. */
class GroupedStrategyTests {

  private static final ShardingStrategy EU = ShardingStrategy.modulo(ids("eu0", "eu1"));

  @Test
  void aCompositeGoesByGroupAndThenInside() {
    ShardingStrategy composite =
        ShardingStrategy.composite(
            ShardingStrategy.range(ranges(List.of(100), "low", "high")),
            Map.of(
                id("low"), ShardingStrategy.fixed(id("a")),
                id("high"), ShardingStrategy.modulo(ids("b", "c"))));

    assertThat(composite.shards()).containsExactlyInAnyOrderElementsOf(ids("a", "b", "c"));
    assertThat(composite.locate(ShardKey.of(5, 7))).isEqualTo(id("a"));
    assertThat(composite.locate(ShardKey.of(5))).isEqualTo(id("a"));
    assertThat(composite.locate(ShardKey.of(500, 7))).isEqualTo(id("c"));
    assertThat(composite.touching(KeyRange.below(100))).containsExactly(id("a"));
    assertThat(composite.touching(KeyRange.from(100))).containsExactly(id("b"), id("c"));
    StepVerifier.create(composite.resolve(ShardKey.of(500, 8)))
        .expectNext(id("b"))
        .expectComplete()
        .verify(Fixtures.BOUND);
  }

  @Test
  void aCompositeRefusesKeysThatAreTooShort() {
    ShardingStrategy composite = Fixtures.composite();

    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> composite.locate(ShardKey.of("one part")))
        .withMessageContaining("part");
    StepVerifier.create(composite.resolve(ShardKey.of("one part")))
        .expectError(UnroutableKeyException.class)
        .verify(Fixtures.BOUND);
  }

  @Test
  void aCompositeNeedsAStrategyInsideEachGroup() {
    ShardingStrategy groups = ShardingStrategy.hash(ids("g", "h"));
    ShardingStrategy inside = ShardingStrategy.fixed(id("a"));

    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.composite(groups, Map.of(id("g"), inside)))
        .withMessageContaining("groups with a strategy inside: [g] (expected: exactly [g, h]");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                ShardingStrategy.composite(
                    groups, Map.of(id("g"), inside, id("h"), inside, id("i"), inside)))
        .withMessageContaining("expected: exactly [g, h]");
  }

  @Test
  void geoGoesByCountryAndThenInsideTheRegion() {
    ShardingStrategy geo =
        ShardingStrategy.geo(
            Map.of("DE", id("eu"), "US", id("us")),
            id("eu"),
            Map.of(id("eu"), EU, id("us"), ShardingStrategy.fixed(id("us0"))));

    assertThat(geo.locate(ShardKey.of("DE", 3))).isEqualTo(id("eu1"));
    assertThat(geo.locate(ShardKey.of("US", 3))).isEqualTo(id("us0"));
    assertThat(geo.locate(ShardKey.of("us", 2))).as("others are in eu").isEqualTo(id("eu0"));
    assertThat(geo.touching(KeyRange.of("U", "V"))).contains(id("us0"));
  }

  @Test
  void geoWithoutADefaultRefusesOtherCountries() {
    ShardingStrategy geo = ShardingStrategy.geo(Map.of("DE", id("eu")), Map.of(id("eu"), EU));

    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> geo.locate(ShardKey.of("de", 3)))
        .withMessage("key: de (expected: one of [DE])");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> geo.locate(ShardKey.of(49, 3)))
        .withMessage("key part 0: 49, INTEGER (expected: TEXT)");
    assertThat(geo.touching(KeyRange.of("US", "UT"))).isEmpty();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.geo(Map.of("DE", id("eu")), Map.of(id("us"), EU)))
        .withMessageContaining("[us] (expected: exactly [eu]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.geo(Map.of(), Map.of(id("eu"), EU)))
        .withMessageContaining("none");
  }

  @Test
  void tenantsHaveTheirOwnOrShareThePool() {
    ShardingStrategy tenant =
        ShardingStrategy.tenant(
            Map.of(ShardKey.of(1), ShardingStrategy.fixed(id("own")), ShardKey.of(2L), EU),
            ShardingStrategy.modulo(ids("p0", "p1")));

    assertThat(tenant.locate(ShardKey.of(1, "x"))).isEqualTo(id("own"));
    assertThat(tenant.locate(ShardKey.of(2, 5))).isEqualTo(id("eu1"));
    assertThat(tenant.locate(ShardKey.of(4, "x"))).isEqualTo(id("p0"));
    assertThat(tenant.locate(ShardKey.of(5, "x"))).isEqualTo(id("p1"));
    assertThat(tenant.locate(ShardKey.of(5))).isEqualTo(id("p1"));
    assertThat(tenant.touching(KeyRange.of(1, 2))).containsExactly(id("own"), id("p0"), id("p1"));
    StepVerifier.create(tenant.resolve(ShardKey.of(2, 4)))
        .expectNext(id("eu0"))
        .expectComplete()
        .verify(Fixtures.BOUND);
  }

  @Test
  void tenantsWithoutAPoolAreTheOnlyOnes() {
    ShardingStrategy tenant =
        ShardingStrategy.tenant(Map.of(ShardKey.of("acme"), ShardingStrategy.fixed(id("a"))));

    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> tenant.locate(ShardKey.of("ACME", 1)))
        .withMessage("key: ACME (expected: one of the tenants [acme])");
    assertThatExceptionOfType(UnroutableKeyException.class)
        .isThrownBy(() -> tenant.locate(ShardKey.of(7, 1)))
        .withMessage("key part 0: 7, INTEGER (expected: TEXT)");
    StepVerifier.create(tenant.resolve(ShardKey.of("other")))
        .expectError(UnroutableKeyException.class)
        .verify(Fixtures.BOUND);
  }

  @Test
  void tenantsAreAllOfOneType() {
    ShardingStrategy own = ShardingStrategy.fixed(id("a"));

    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.tenant(Map.of()))
        .withMessageContaining("none");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ShardingStrategy.tenant(Map.of(ShardKey.of("a"), own, ShardKey.of(1), own)))
        .withMessageContaining("all tenants TEXT or all INTEGER");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.tenant(Map.of(ShardKey.of("a", "b"), own)))
        .withMessageContaining("tenant: (a, b) (expected: a key of one part");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.tenant(Map.of(ShardKey.of(LocalDate.EPOCH), own)))
        .withMessageContaining("tenant: 1970-01-01");
  }
}
