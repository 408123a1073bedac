package io.shardflux.benchmarks;

import io.shardflux.router.HashFunction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TimePeriod;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Each strategy's lookup, and how keys are made; one operation is one key of a thousand. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Lookups {

  private static final int KEYS = SampleStrategies.KEYS;
  private static final long FIRST_INTEGER = SampleStrategies.FIRST_INTEGER;
  private static final Instant FIRST_INSTANT = Instant.parse("2024-01-01T00:00:00Z");
  private static final List<ShardId> TEN = SampleStrategies.TEN;

  private final ShardKey[] integers = keys(ShardKey::of);
  private final ShardKey[] pairs = keys(i -> ShardKey.of("DE", i));
  private final ShardKey[] tenants = keys(i -> ShardKey.of("tenant" + i % 20, i));
  private final ShardKey[] instants = keys(i -> ShardKey.of(instant(i)));

  private final ShardingStrategy hash = ShardingStrategy.hash(TEN);
  private final ShardingStrategy hashMd5 = ShardingStrategy.hash(TEN, 1024, HashFunction.MD5);
  private final ShardingStrategy modulo = ShardingStrategy.modulo(TEN);
  private final ShardingStrategy range = SampleStrategies.range();
  private final ShardingStrategy ring10 = ShardingStrategy.consistent(TEN);
  private final ShardingStrategy ring1000 =
      ShardingStrategy.consistent(SampleStrategies.shards("s", 1000));
  private final ShardingStrategy composite = SampleStrategies.composite();
  private final ShardingStrategy geo = SampleStrategies.geo();
  private final ShardingStrategy tenant = SampleStrategies.tenant();
  private final ShardingStrategy time =
      ShardingStrategy.time(TimePeriod.MONTH, Map.of(LocalDate.of(2024, 2, 1), TEN.get(0)), TEN);
  private final ShardingStrategy directory = SampleStrategies.directory();

  private final UUID uuid = new UUID(0x1234_5678_9abc_def0L, 42);
  private int next;

  @Benchmark
  public ShardId hash() {
    return hash.locate(next(integers));
  }

  @Benchmark
  public ShardId hashMd5() {
    return hashMd5.locate(next(integers));
  }

  @Benchmark
  public ShardId modulo() {
    return modulo.locate(next(integers));
  }

  @Benchmark
  public ShardId range() {
    return range.locate(next(integers));
  }

  @Benchmark
  public ShardId ringOf10() {
    return ring10.locate(next(integers));
  }

  @Benchmark
  public ShardId ringOf1000() {
    return ring1000.locate(next(integers));
  }

  @Benchmark
  public ShardId composite() {
    return composite.locate(next(pairs));
  }

  @Benchmark
  public ShardId geo() {
    return geo.locate(next(pairs));
  }

  @Benchmark
  public ShardId tenant() {
    return tenant.locate(next(tenants));
  }

  @Benchmark
  public ShardId time() {
    return time.locate(next(instants));
  }

  /** Locates by a {@code Mono}, because a key may have to be looked up; here all are cached. */
  @Benchmark
  public @Nullable ShardId directoryCached() {
    return directory.resolve(next(integers)).block();
  }

  @Benchmark
  public ShardKey keyOfInteger() {
    return ShardKey.of(FIRST_INTEGER + (next++ & (KEYS - 1)));
  }

  @Benchmark
  public ShardKey keyOfUuid() {
    return ShardKey.of(uuid);
  }

  @Benchmark
  public ShardKey keyOfTextAndInteger() {
    return ShardKey.of("DE", FIRST_INTEGER + (next++ & (KEYS - 1)));
  }

  @Benchmark
  public ShardKey keyOfInstant() {
    return ShardKey.of(instant(next++ & (KEYS - 1)));
  }

  @Benchmark
  public String canonicalText() {
    return next(integers).text(0);
  }

  private ShardKey next(ShardKey[] keys) {
    return keys[next++ & (KEYS - 1)];
  }

  private static ShardKey[] keys(LongFunction<ShardKey> make) {
    return LongStream.range(FIRST_INTEGER, FIRST_INTEGER + KEYS)
        .mapToObj(make)
        .toArray(ShardKey[]::new);
  }

  private static Instant instant(long number) {
    return FIRST_INSTANT.plusSeconds(number % KEYS * 40_000);
  }
}
