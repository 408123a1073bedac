package io.shardflux.r2dbc.shard;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

class RetryBudgetTests {

  private static final Duration BOUND = Duration.ofSeconds(60);

  private final RetryBudget budget = new RetryBudget();

  @Test
  void startsEmpty() {
    assertThat(budget.withdraw()).isFalse();
  }

  @Test
  void tenFirstAttemptsPayForOneMore() {
    deposit(9);
    assertThat(budget.withdraw()).isFalse();
    deposit(1);
    assertThat(budget.withdraw()).isTrue();
    assertThat(budget.withdraw()).isFalse();
  }

  @Test
  void holdsNoMoreThanItsCapacity() {
    deposit(1_000_000);
    assertThat(withdrawAll()).isEqualTo(RetryBudget.CAPACITY);
    deposit(10);
    assertThat(withdrawAll()).isEqualTo(1);
  }

  /** True is a deposit, false a withdrawal. */
  @Property
  void grantsATenthOfTheDepositsAtMost(@ForAll @Size(max = 2_000) List<Boolean> operations) {
    RetryBudget any = new RetryBudget();
    long deposits = 0;
    long granted = 0;
    for (boolean deposit : operations) {
      // All that could be granted is granted: a model in exact numbers, below the capacity.
      boolean due = deposits - 10 * granted >= 10;
      if (deposit) {
        any.deposit();
        deposits++;
      } else if (any.withdraw()) {
        assertThat(due).isTrue();
        granted++;
      } else {
        assertThat(due && deposits < 10L * RetryBudget.CAPACITY).isFalse();
      }
      assertThat(10 * granted).isLessThanOrEqualTo(deposits);
    }
  }

  @Property(tries = 100)
  void grantsATenthAlsoPastItsCapacity(@ForAll long seed) {
    RetryBudget any = new RetryBudget();
    Random random = new Random(seed);
    long deposits = 0;
    long granted = 0;
    for (int burst = 0; burst < 100; burst++) {
      for (int i = random.nextInt(3_000); i > 0; i--) {
        any.deposit();
        deposits++;
      }
      int inBurst = 0;
      for (int i = random.nextInt(200); i > 0; i--) {
        inBurst += any.withdraw() ? 1 : 0;
      }
      granted += inBurst;
      assertThat(inBurst).isLessThanOrEqualTo(RetryBudget.CAPACITY);
      assertThat(10 * granted).isLessThanOrEqualTo(deposits);
    }
  }

  @Test
  void isExactUnderConcurrency() {
    // Ten deposits to one withdrawal: never empty, and 8 attempts above 90 at most, so never full.
    deposit(900);
    long granted =
        Flux.range(0, 8)
            .flatMap(i -> Mono.fromCallable(this::tenToOne).subscribeOn(Schedulers.parallel()))
            .reduce(0L, Long::sum)
            .blockOptional(BOUND)
            .orElseThrow();

    assertThat(granted).isEqualTo(80_000);
    assertThat(withdrawAll()).isEqualTo(90);
  }

  @Test
  void neverGrantsOneAttemptTwice() {
    deposit(1_000);
    long granted =
        Flux.range(0, 8)
            .flatMap(i -> Mono.fromCallable(this::withdrawAll).subscribeOn(Schedulers.parallel()))
            .reduce(0L, Long::sum)
            .blockOptional(BOUND)
            .orElseThrow();

    assertThat(granted).isEqualTo(RetryBudget.CAPACITY);
  }

  @Test
  void losesNoConcurrentDeposit() {
    Flux.range(0, 8)
        .flatMap(i -> Mono.fromRunnable(() -> deposit(120)).subscribeOn(Schedulers.parallel()))
        .then()
        .block(BOUND);

    assertThat(withdrawAll()).isEqualTo(96);
  }

  private long tenToOne() {
    long granted = 0;
    for (int i = 0; i < 10_000; i++) {
      deposit(10);
      granted += budget.withdraw() ? 1 : 0;
    }
    return granted;
  }

  private void deposit(int times) {
    for (int i = 0; i < times; i++) {
      budget.deposit();
    }
  }

  private long withdrawAll() {
    long granted = 0;
    while (budget.withdraw()) {
      granted++;
    }
    return granted;
  }
}
