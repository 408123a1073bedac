package io.shardflux.router;

import com.github.benmanes.caffeine.cache.AsyncCache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.util.context.ContextView;

/**
 * Assigns keys to shards one by one, in a {@link ShardDirectory}. Keys are looked up there through
 * a bounded cache.
 *
 * <p>Any number of concurrent lookups of one key make one query. A lookup that is cancelled does
 * not affect the others. Failed lookups and unknown keys are not cached. A query takes the Reactor
 * context of the lookup that began it.
 */
public final class DirectoryStrategy extends ShardingStrategy {

  private static final int MAX_OWNED_KEYS = 100_000;
  private static final int MAX_OWNED_BYTES = 8 << 20;

  private final ShardDirectory directory;
  private final @Nullable ShardingStrategy unknown;
  private final long cacheSize;
  private final Duration expiry;
  private final Duration timeout;
  private final AsyncCache<ShardKey, ShardId> cache;

  private DirectoryStrategy(Builder builder) {
    super(builder.shards);
    this.directory = builder.directory;
    this.unknown = builder.unknown;
    this.timeout = builder.timeout;
    this.cacheSize = builder.cacheSize;
    this.expiry = builder.expiry;
    this.cache =
        Caffeine.newBuilder()
            .maximumSize(builder.cacheSize)
            .expireAfterWrite(builder.expiry)
            .ticker(builder.ticker)
            .buildAsync();
  }

  @Override
  public boolean immediate() {
    return false;
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    throw new IllegalStateException(
        "locate: " + key + ", by a directory (expected: resolve, which may look it up)");
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    checkSome(key, from, to);
    ShardKey part = key.slice(from, to);
    return Mono.deferContextual(context -> Mono.fromFuture(lookup(part, context), true))
        .switchIfEmpty(
            Mono.error(
                () -> unroutable(key, from, to, "one that the directory has, or assign it")));
  }

  /** The cached value or the query under way, or a new query; it gives null for an unknown key. */
  private CompletableFuture<ShardId> lookup(ShardKey key, ContextView context) {
    CompletableFuture<ShardId> present = cache.getIfPresent(key);
    if (present != null) {
      return present;
    }
    CompletableFuture<ShardId> flight = new CompletableFuture<>();
    CompletableFuture<ShardId> earlier = cache.asMap().putIfAbsent(key, flight);
    if (earlier != null) {
      return earlier;
    }
    load(key)
        .contextWrite(context)
        // The cache evicts a moment later, and would answer until then.
        .doOnTerminate(() -> leave(key, flight))
        .subscribe(flight::complete, flight::completeExceptionally, () -> flight.complete(null));
    return flight;
  }

  private void leave(ShardKey key, CompletableFuture<ShardId> flight) {
    if (cacheSize == 0) {
      cache.asMap().remove(key, flight);
    }
  }

  private Mono<ShardId> load(ShardKey key) {
    return Mono.defer(() -> directory.find(key))
        .switchIfEmpty(Mono.defer(() -> assign(key)))
        .doOnNext(shard -> checkShard(key, shard))
        .timeout(timeout, Mono.error(() -> late(key)));
  }

  private Mono<ShardId> assign(ShardKey key) {
    return unknown == null
        ? Mono.empty()
        : unknown.resolve(key).flatMap(shard -> directory.assign(key, shard));
  }

  private void checkShard(ShardKey key, ShardId shard) {
    if (!shards().contains(shard)) {
      throw new IllegalStateException(
          "shard of "
              + key
              + " in the directory: "
              + shard
              + " (expected: one of "
              + shards()
              + ")");
    }
  }

  private TimeoutException late(ShardKey key) {
    return new TimeoutException(
        "directory lookup of "
            + key
            + ": no answer (expected: one within "
            + timeout.toMillis()
            + " ms; look at the directory's server, or raise the timeout)");
  }

  /**
   * Moves a key's assignment from one shard to another, in one step. The rows themselves are not
   * moved. Lookups in this JVM that begin after it see the new shard. Other JVMs see it once their
   * cached answer expires.
   *
   * <p>Gives false, with nothing changed, if the key is not on {@code from}. Errors with {@link
   * IllegalArgumentException} if a shard is not one of {@link #shards()}. After an error or a
   * cancel the assignment may or may not have moved.
   *
   * @param key a key of the directory
   * @param from the shard that the key must be on now
   * @param to the shard that the key is on afterwards; must be one of {@link #shards()}
   * @return true if the assignment moved, false if the key was not on {@code from}
   */
  public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
    return Mono.defer(
            () -> {
              checkOwn(from);
              checkOwn(to);
              return directory.reassign(key, from, to);
            })
        .doOnTerminate(() -> cache.asMap().remove(key))
        .doOnCancel(() -> cache.asMap().remove(key));
  }

  /** The store of the assignments. */
  @Internal
  public ShardDirectory directory() {
    return directory;
  }

  /** The rule by which unknown keys are assigned; null if there is none. */
  @Internal
  public @Nullable ShardingStrategy unknown() {
    return unknown;
  }

  /** The time after which no lookup is under way any more, nor the assignment that it makes. */
  @Internal
  public Duration timeout() {
    return timeout;
  }

  /** The same store with other shards and another rule, and with a cache of its own. */
  @Internal
  public DirectoryStrategy with(Collection<ShardId> shards, @Nullable ShardingStrategy rule) {
    Builder builder =
        new Builder(directory, shards).cacheSize(cacheSize).expiry(expiry).timeout(timeout);
    return (rule == null ? builder : builder.assignUnknown(rule)).build();
  }

  /** Asks the store again for each key, as assignments may have changed. */
  @Internal
  public void forget() {
    cache.asMap().clear();
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    checkSome(columns);
    return directory
        .assigned(shard)
        .collect(() -> new OwnedKeys(shard, columns), OwnedKeys::add)
        .map(OwnedKeys::toString);
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("directory");
    keys.put("shards", StrategyTree.names(new TreeSet<>(shards())));
    keys.putAll(nested.of(directory));
    if (unknown != null) {
      keys.put("assign-unknown", nested.of(unknown));
    }
    keys.put("cache-size", cacheSize);
    keys.put("expiry", expiry.toString());
    keys.put("timeout", timeout.toString());
    return keys;
  }

  @Override
  public String toString() {
    return "directory(" + shards() + (unknown == null ? "" : ", unknown keys by " + unknown) + ")";
  }

  /** The list of keys in a predicate, which must not grow without bound. */
  private static final class OwnedKeys {

    private final ShardId shard;
    private final List<KeyColumn> columns;
    private final StringBuilder sql = new StringBuilder();
    private int keys;

    OwnedKeys(ShardId shard, List<KeyColumn> columns) {
      this.shard = shard;
      this.columns = columns;
    }

    void add(ShardKey key) {
      NamedKeysStrategy.checkFits(key, columns);
      sql.append(keys == 0 ? KeySql.tuple(columns) + " IN (" : ", ").append(KeySql.tuple(key));
      keys++;
      if (keys > MAX_OWNED_KEYS || sql.length() > MAX_OWNED_BYTES) {
        throw new IllegalStateException(
            "keys of shard "
                + shard
                + " in the directory: "
                + keys
                + " or more (expected: at most "
                + MAX_OWNED_KEYS
                + ", and "
                + MAX_OWNED_BYTES
                + " characters of SQL)");
      }
    }

    @Override
    public String toString() {
      return keys == 0 ? "FALSE" : sql + ")";
    }
  }

  /** Collects the options of a {@link DirectoryStrategy}. Not thread-safe. */
  public static final class Builder {

    private final ShardDirectory directory;
    private final Collection<ShardId> shards;
    private @Nullable ShardingStrategy unknown;
    private long cacheSize = 100_000;
    private Duration expiry = Duration.ofSeconds(60);
    private Duration timeout = Duration.ofSeconds(5);
    private Ticker ticker = Ticker.systemTicker();

    Builder(ShardDirectory directory, Collection<ShardId> shards) {
      this.directory = directory;
      this.shards = List.copyOf(shards);
    }

    /**
     * Assigns keys that the directory does not have to the shard that another strategy gives them.
     * Unless set, they are refused with {@link UnroutableKeyException}.
     *
     * @param strategy gives an unknown key its shard; must name only shards of this directory
     * @return this builder
     * @throws IllegalArgumentException if the strategy has a shard that the directory must not hold
     */
    public Builder assignUnknown(ShardingStrategy strategy) {
      if (!shards.containsAll(strategy.shards())) {
        throw new IllegalArgumentException(
            "shards of the rule for unknown keys: "
                + strategy.shards()
                + " (expected: some of "
                + shards
                + ")");
      }
      this.unknown = strategy;
      return this;
    }

    /**
     * Sets the maximum number of cached keys. The least used keys leave first. From 0, for none, to
     * 100,000,000; the default is 100,000.
     *
     * @param keys the number of keys, from 0 to 100,000,000
     * @return this builder
     * @throws IllegalArgumentException if the number is out of bounds
     */
    public Builder cacheSize(long keys) {
      if (keys < 0 || keys > 100_000_000) {
        throw new IllegalArgumentException(
            "directory cache size: " + keys + " (expected: 0 to 100000000 keys)");
      }
      this.cacheSize = keys;
      return this;
    }

    /**
     * Sets how long an answer is cached, and therefore how long other JVMs may go on with the old
     * shard of a key that was reassigned. From 1 ms to a day; the default is 60 s.
     *
     * @param expiry the time, from 1 ms to a day
     * @return this builder
     * @throws IllegalArgumentException if the time is out of bounds
     */
    public Builder expiry(Duration expiry) {
      this.expiry = check("directory cache expiry", expiry);
      return this;
    }

    /**
     * Sets how long a lookup may take, including the assignment of an unknown key. After that the
     * lookup is cancelled and errors with {@link TimeoutException}. From 1 ms to a day; the default
     * is 5 s.
     *
     * @param timeout the time, from 1 ms to a day
     * @return this builder
     * @throws IllegalArgumentException if the time is out of bounds
     */
    public Builder timeout(Duration timeout) {
      this.timeout = check("directory lookup timeout", timeout);
      return this;
    }

    /** The clock that entries expire by. */
    Builder ticker(Ticker ticker) {
      this.ticker = ticker;
      return this;
    }

    private static Duration check(String name, Duration duration) {
      if (duration.compareTo(Duration.ofMillis(1)) < 0
          || duration.compareTo(Duration.ofDays(1)) > 0) {
        throw new IllegalArgumentException(name + ": " + duration + " (expected: 1 ms to a day)");
      }
      return duration;
    }

    /**
     * {@return the strategy}
     *
     * @throws IllegalArgumentException if there is no shard
     */
    public DirectoryStrategy build() {
      return new DirectoryStrategy(this);
    }
  }
}
