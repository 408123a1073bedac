package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Patience;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.Holding;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One topology with its pools, as a statement sees it from its planning to its last row, whatever
 * changes meanwhile. A shard is entered by the statements for it, or with others at once by {@link
 * #enter}. A shard that began to be let go before gives an error of which {@link #isOver} is true;
 * the statement must then be planned anew by another snapshot. Immutable, thread-safe.
 */
@Internal
public final class Snapshot {

  /** The number of times that a statement is planned anew by another snapshot, at most. */
  public static final int OVER_AT_MOST = LiveShards.SWAPS_SURVIVED;

  /** The condition of the rows of a shard that owns none. */
  public static final String OWNS_NONE = "(FALSE)";

  private final LiveShards shards;
  private final Epoch epoch;
  private final Function<String, SqlTemplate> templates;
  private final Set<String> watched;
  private final Set<String> resting;
  private final Copies copies;

  private Snapshot(
      LiveShards shards,
      Epoch epoch,
      Function<String, SqlTemplate> templates,
      Set<String> watched,
      Set<String> resting,
      Set<String> copied) {
    this.shards = shards;
    this.epoch = epoch;
    this.templates = templates;
    this.watched = watched;
    this.resting = resting;
    this.copies = new Copies(shards, epoch, copied);
  }

  /**
   * The topology in force.
   *
   * @param templates reads a text, or knows it already
   */
  public static Snapshot of(LiveShards shards, Function<String, SqlTemplate> templates) {
    return new Snapshot(shards, shards.epoch(), templates, Set.of(), Set.of(), Set.of());
  }

  public Topology topology() {
    return epoch.topology();
  }

  /** Those of some tables whose keys are on their way to other shards; none at rest. */
  public Set<String> movingOf(Set<String> tables) {
    return epoch.movingOf(tables);
  }

  /** Those of some tables that are on their way whole, so that their rows are on one shard. */
  public Set<String> wholeOf(Set<String> tables) {
    Set<String> whole = new HashSet<>();
    for (String table : tables) {
      TransitionStrategy way = epoch.moving(table);
      if (way != null && way.isWhole()) {
        whole.add(table);
      }
    }
    return whole;
  }

  /** The waiting of a statement over all the times that it is planned. */
  public Crossing crossing() {
    return new Crossing(shards);
  }

  /**
   * The places of a statement's keys. Errors with what {@link Crossing} is for where the statement
   * must not be sent yet.
   *
   * @param writes whether it waits where its keys are being switched
   */
  public Mono<KeyPlaces> ready(Map<String, ? extends Collection<ShardKey>> keys, boolean writes) {
    return Flux.fromIterable(keys.entrySet())
        .concatMap(
            each ->
                epoch
                    .places(each.getKey(), each.getValue())
                    .doOnNext(places -> check(each.getKey(), places, writes)))
        .flatMapIterable(places -> places)
        .collectList()
        .map(KeyPlaces::of);
  }

  /**
   * Completes where a write for any rows of some tables may be sent. Otherwise it errors with what
   * {@link Crossing} is for.
   */
  public Mono<Void> unparked(Set<String> tables) {
    return Mono.fromRunnable(
        () -> {
          for (String table : tables) {
            TransitionStrategy way = epoch.moving(table);
            for (Step step : way == null ? List.<Step>of() : way.steps()) {
              check(table, List.of(new KeyPlace(step.from(), step)), true);
            }
          }
        });
  }

  private void check(String table, List<KeyPlace> places, boolean writes) {
    for (KeyPlace place : places) {
      Step step = place.step();
      if (step != null && !shards.confirmed()) {
        throw new PlanAnew(LocateAnew.After.CONFIRMATION, table, place, epoch);
      }
      if (step != null && writes && step.phase().waits()) {
        throw new PlanAnew(LocateAnew.After.SWITCH, table, place, epoch);
      }
    }
  }

  /**
   * What is known of the keys of a statement, of all its tables.
   *
   * @param moving whether any of them is on its way
   * @param alike whether all of them are, by one step, or none
   */
  public record KeyPlaces(boolean moving, boolean alike) {

    static KeyPlaces of(List<KeyPlace> places) {
      return new KeyPlaces(
          places.stream().anyMatch(place -> place.step() != null),
          places.stream().map(KeyPlace::step).distinct().limit(2).count() <= 1);
    }
  }

  /**
   * The conditions of the rows that each of some shards owns of tables whose keys are on their way,
   * by shard and table and by what their columns are qualified by. Errors with what {@link
   * Crossing} is for where the newest topology is not known to be in force.
   */
  public Mono<Map<ShardId, Map<String, UnaryOperator<String>>>> owned(
      Set<String> tables, Collection<ShardId> ids) {
    return Mono.defer(
        () ->
            shards.confirmed()
                ? Flux.fromIterable(ids)
                    .concatMap(
                        shard ->
                            owned(tables, shard).map(conditions -> Map.entry(shard, conditions)))
                    .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                : Mono.error(
                    new PlanAnew(
                        LocateAnew.After.CONFIRMATION,
                        String.join(", ", tables),
                        new KeyPlace(ids.iterator().next(), null),
                        epoch)));
  }

  /**
   * Those of some shards that may own rows of some tables, while keys of these are on their way:
   * not those that will get their first ones. All of them if none does.
   */
  public List<ShardId> owning(Set<String> tables, List<ShardId> ids) {
    if (movingOf(tables).isEmpty()) {
      return ids;
    }
    List<ShardId> owning = ids.stream().filter(shard -> epoch.ownsSome(tables, shard)).toList();
    return owning.isEmpty() ? ids : owning;
  }

  /**
   * The shards that may own rows of each of some tables, and so have these tables. All shards if
   * none does.
   */
  public List<ShardId> having(Set<String> tables) {
    List<ShardId> having =
        topology().shards().stream()
            .filter(shard -> tables.stream().allMatch(table -> epoch.has(table, shard)))
            .toList();
    return having.isEmpty() ? List.copyOf(topology().shards()) : having;
  }

  /** Tells whether a shard may have rows of some tables that count elsewhere. */
  public boolean holdsOthers(Set<String> tables, ShardId shard) {
    return tables.stream().anyMatch(table -> epoch.holdsOthers(table, shard));
  }

  private Mono<Map<String, UnaryOperator<String>>> owned(Set<String> tables, ShardId shard) {
    return Flux.fromIterable(tables)
        .concatMap(table -> epoch.owned(table, shard).map(condition -> Map.entry(table, condition)))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue);
  }

  /** This snapshot, which sends statements only while the keys of these tables lie as it says. */
  public Snapshot watching(Set<String> tables) {
    return new Snapshot(shards, epoch, templates, Set.copyOf(tables), resting, copies.tables());
  }

  /**
   * This snapshot, which sends statements, and lets their answers count, only while keys of these
   * tables that stay are known not to have moved. Nothing is looked at where the topology is not
   * shared.
   */
  public Snapshot resting(Set<String> tables) {
    return shards.isShared()
        ? new Snapshot(
            shards,
            epoch,
            templates,
            watched,
            tables.stream().filter(this::mayMove).collect(Collectors.toSet()),
            copies.tables())
        : this;
  }

  private boolean mayMove(String table) {
    TableRule rule = topology().tables().get(table);
    return rule instanceof TableRule.Sharded || rule instanceof TableRule.Pinned;
  }

  /**
   * This snapshot, which writes copies of these reference tables only while each router that routes
   * writes the same copies. Nothing is looked at where the topology is not shared.
   */
  public Snapshot copying(Set<String> references) {
    return shards.options().shared() == null
        ? this
        : new Snapshot(shards, epoch, templates, watched, resting, Set.copyOf(references));
  }

  /**
   * Completes where copies may be written, or what was written of them be committed. Otherwise it
   * errors with what {@link Crossing} is for.
   */
  public Mono<Void> copied() {
    return copies.hold();
  }

  /** Tells whether copies are written, and looked at before the end of a transaction. */
  public boolean writesCopies() {
    return !copies.tables().isEmpty();
  }

  /** Tells whether a copy of the tables that it writes is missing on a shard, or being made. */
  public boolean lacksCopies() {
    return copies.moving();
  }

  /** Those of some shards whose copies are being made. */
  public Set<ShardId> joining() {
    return copies.joining();
  }

  /** This snapshot, which watches what another one does, too. */
  public Snapshot watchingToo(Snapshot other) {
    Set<String> both = new HashSet<>(watched);
    both.addAll(other.watched);
    Set<String> copied = new HashSet<>(copies.tables());
    copied.addAll(other.copies.tables());
    Set<String> rest = new HashSet<>(resting);
    rest.addAll(other.resting);
    return new Snapshot(shards, epoch, templates, Set.copyOf(both), rest, Set.copyOf(copied));
  }

  /** Tells whether keys of its tables are on their way. */
  public boolean watches() {
    return !watched.isEmpty();
  }

  /** Tells whether it looks at the keys of tables; see {@link #looked}. */
  public boolean looks() {
    return watches() || !resting.isEmpty();
  }

  /**
   * Completes if a shard's answer counts that came just now. Otherwise it errors with what {@link
   * Crossing} is for, or where rows were given with {@link TopologyChangedException}.
   */
  public <T> Mono<T> looked(ShardId shard, boolean given) {
    return looked(
        List.of(shard),
        () ->
            given ? changed(shard, "while they were read, and rows may be missing") : anew(shard));
  }

  /** The same for what was written on several shards and can be undone. */
  public Mono<Void> looked(List<ShardId> ids) {
    return looked(ids, () -> anew(ids.get(0)));
  }

  /** Completes if the keys still lie as the snapshot says, in a transaction or at its end. */
  public <T> Mono<T> unmoved(ShardId shard) {
    Mono<T> keys =
        !looks() && writesCopies()
            ? Mono.empty()
            : looked(
                List.of(shard),
                () -> changed(shard, "while they were used; run the transaction again"));
    return copies.settled(shard).then(keys);
  }

  private <T> Mono<T> looked(List<ShardId> ids, Supplier<RuntimeException> gone) {
    return Mono.defer(() -> holds() ? Mono.empty() : settled(ids, gone));
  }

  /**
   * The error of a transaction that began by another snapshot, where keys of tables came to its
   * shard or left it since: its view of the shard may be an old one. Null where none did.
   */
  public @Nullable Throwable movedSince(Snapshot begun, Set<String> tables, ShardId shard) {
    return epoch.movedSince(begun.epoch, tables, shard)
            || epoch.copiesCameSince(begun.epoch, tables, shard)
        ? changed(
            shard,
            String.join(", ", tables),
            "while the transaction was under way; run the transaction again")
        : null;
  }

  /**
   * The error of a statement in a transaction whose shards' views were opened at once, where keys
   * of tables moved since, or were on their way then: what the move left behind is in those views.
   * Null where none did.
   */
  public @Nullable Throwable outOfView(SpanningTransaction transaction, Set<String> tables) {
    Epoch view = transaction.viewed();
    return view == null
            || epoch.isSame(view)
            || (view.movingOf(tables).isEmpty()
                && !epoch.movedSince(view, tables)
                && !epoch.copiesChangedSince(view, tables))
        ? null
        : changed(
            epoch.topology().shards().iterator().next(),
            String.join(", ", tables),
            "while the snapshot was read; run it again");
  }

  /**
   * The error, which {@link Crossing} is for, of a statement that was planned by this snapshot and
   * that another topology overtook before it was sent; null where its tables' keys lie as they did.
   */
  public @Nullable Throwable overtaken(Set<String> tables) {
    Epoch now = shards.epoch();
    return !now.isSame(epoch)
            && (now.movedSince(epoch, tables)
                || !now.movingOf(tables).equals(epoch.movingOf(tables)))
        ? new PlanAnew(
            LocateAnew.After.NOTHING,
            String.join(", ", tables),
            new KeyPlace(epoch.topology().shards().iterator().next(), null),
            epoch)
        : null;
  }

  /** The same of a write, which is sent or committed only while a later topology is known of. */
  public @Nullable Throwable late(Set<String> tables) {
    return shards.followed()
        ? overtaken(tables)
        : anew(String.join(", ", tables), epoch.topology().shards().iterator().next());
  }

  /**
   * The error for a caller that has got rows of a statement that would have to be planned anew; any
   * other error as it is.
   */
  public static Throwable behindRows(Throwable error) {
    return error instanceof PlanAnew anew
        ? changed(
            anew.place().shard(), anew.table(), "while they were read, and rows may be missing")
        : error;
  }

  /** The error of a shard that gets its copy of a table, where all other copies took a write. */
  public static TopologyChangedException ofCopy(ShardId shard, Throwable error) {
    return TopologyChangedException.ofCopy(shard, error);
  }

  /** Tells whether an error says that rows may be missing, because keys moved meanwhile. */
  public static boolean isMoved(Throwable error) {
    return error instanceof PlanAnew || error instanceof TopologyChangedException;
  }

  /**
   * Tells whether the rows of tables lie as this snapshot has it. Those that have left a shard stay
   * there for a lease and longer, so that what was sent before is right.
   */
  private boolean lies(Set<String> tables) {
    boolean rest = epoch.movingOf(tables).isEmpty();
    // Before the look at the epoch: what is confirmed later may be a later one.
    boolean sure = rest ? shards.followed() : shards.confirmed();
    Epoch now = shards.epoch();
    return sure
        && (now.isSame(epoch)
            || (!now.movedSince(epoch, tables) && (!rest || now.movingOf(tables).isEmpty())));
  }

  /** Tells whether the keys of its tables are known to lie as it has it. */
  public boolean holds() {
    // In this order: what is confirmed later may be a later epoch.
    return watches() ? shards.confirmed() && shards.epoch().isSame(epoch) : lies(resting);
  }

  private <T> Mono<T> settled(List<ShardId> ids, Supplier<RuntimeException> gone) {
    Duration time = shards.timeouts().acquire();
    Set<String> tables = new HashSet<>(watched);
    tables.addAll(resting);
    return settled(ids.get(0), time)
        .then(
            Mono.defer(
                () -> {
                  Epoch now = shards.epoch();
                  return ids.stream().anyMatch(shard -> now.movedSince(epoch, tables, shard))
                      ? Mono.error(gone.get())
                      : Mono.empty();
                }));
  }

  private Mono<Void> settled(ShardId first, Duration time) {
    if (shards.confirmed()) {
      return Mono.empty();
    }
    return watches() || !shards.epoch().movingOf(resting).isEmpty()
        ? shards
            .confirm(time)
            .onErrorMap(
                error -> Patience.unconfirmed(named(), new KeyPlace(first, null), time, error))
        : shards.follow(time).onErrorMap(error -> Patience.unfollowed(named(), first, time, error));
  }

  private RuntimeException changed(ShardId shard, String when) {
    return changed(shard, named(), when);
  }

  private static RuntimeException changed(ShardId shard, String tables, String when) {
    return TopologyChangedException.of(
        shard, tables + ": keys moved to another shard (expected: the same shard) " + when);
  }

  private PlanAnew anew(ShardId shard) {
    return anew(named(), shard);
  }

  private PlanAnew anew(String tables, ShardId shard) {
    LocateAnew.After after =
        shards.followed() ? LocateAnew.After.NOTHING : LocateAnew.After.FOLLOWING;
    return new PlanAnew(after, tables, new KeyPlace(shard, null), epoch);
  }

  private String named() {
    return String.join(", ", watches() ? watched : resting);
  }

  private <T> Work<T> sent(ShardId shard, Work<T> work) {
    if (!copies.tables().isEmpty()) {
      return work.doing(
          (connection, dialect) ->
              copies
                  .hold()
                  .thenMany(
                      Flux.defer(
                          () ->
                              watches() || holds()
                                  ? work.execution().apply(connection, dialect)
                                  : Flux.error(anew(shard)))));
    }
    return !looks()
        ? work
        : work.doing(
            (connection, dialect) ->
                holds() ? work.execution().apply(connection, dialect) : Flux.error(anew(shard)));
  }

  /** The status of a shard, without asking a server. */
  public ShardStatistics.Status status(ShardId shard) {
    return epoch.of(shard).status();
  }

  /** Counts a key that the statement is for, where keys are counted. */
  public void note(String table, ShardKey key) {
    shards.note(table, key);
  }

  /** A statement for a shard; the shard is entered as long as the statement runs. */
  public StatementSpec sql(ShardId shard, String sql) {
    return statement(target(shard), sql);
  }

  /**
   * The same with values, or NULLs, for all of its {@code ?} in their order.
   *
   * @throws IllegalArgumentException if there are more or fewer {@code ?}
   */
  public StatementSpec sql(ShardId shard, String sql, List<? extends @Nullable Object> values) {
    return target(shard).statement(templates.apply(sql), values, terms());
  }

  /** A shard inside a transaction; once it has joined it is entered until the transaction's end. */
  public ShardPart in(SpanningTransaction transaction, ShardId shard) {
    return new ShardPart(transaction, shard, this::entered);
  }

  /** Holds a session on a shard's primary; the shard is entered until the session's end. */
  public Mono<HeldSession> hold(ShardId shard, Timeouts timeouts) {
    return new Holding(timeouts, templates)
        .on(shards.options(), work -> entered(shard, work))
        .map(HeldSession::new);
  }

  /** Does the work on several shards, which are entered at once and left at the work's end. */
  public <T> Flux<T> enter(Collection<ShardId> ids, Function<Entered, Flux<T>> work) {
    return enter(ids, Set.of(), work);
  }

  /**
   * The same where statements are sent only while the rows of these tables lie as this snapshot has
   * it. Otherwise they error with what {@link Crossing} is for.
   */
  public <T> Flux<T> enter(
      Collection<ShardId> ids, Set<String> tables, Function<Entered, Flux<T>> work) {
    return Flux.using(
        () -> epoch.enterAll(ids),
        entered -> work.apply(new Entered(entered, tables)),
        Epoch.Entered::leave);
  }

  /**
   * Tells whether a shard began to be let go before the statement was there. Nothing was sent then.
   */
  public static boolean isOver(Throwable error) {
    return error instanceof PoolClosingException;
  }

  /** The error that a caller must get in place of that error; any other error as it is. */
  public static Throwable told(Throwable error) {
    return error instanceof PoolClosingException closing ? closing.asUnavailable() : error;
  }

  private Work.Target target(ShardId shard) {
    return new Work.Target() {
      @Override
      public <T> Flux<T> run(Work<T> work) {
        return entered(shard, servers -> servers.run(sent(shard, work)));
      }
    };
  }

  private <T> Flux<T> entered(ShardId shard, Function<ShardServers, Flux<T>> work) {
    return Flux.using(() -> epoch.enter(shard), work, ShardServers::leave);
  }

  private StatementSpec statement(Work.Target target, String sql) {
    return target.statement(templates.apply(sql), terms());
  }

  private Work.Terms terms() {
    return Work.Terms.of(shards.timeouts());
  }

  /** Shards that are entered. Work that begins on them while they are may go on behind that. */
  public final class Entered {

    private final Epoch.Entered entered;
    private final Set<String> tables;

    private Entered(Epoch.Entered entered, Set<String> tables) {
      this.entered = entered;
      this.tables = tables;
    }

    /**
     * Refuses a shard's first row, or its end without one, if the rows of the tables lie elsewhere
     * by then. Later rows are of the same view as the first one.
     */
    public void checkPlace(ShardId shard) {
      if (!lies(tables)) {
        throw elsewhere(shard);
      }
    }

    private PlanAnew elsewhere(ShardId shard) {
      return anew(String.join(", ", tables), shard);
    }

    /** A statement for one of the shards, wherever rows lie. */
    public StatementSpec sql(ShardId shard, String sql) {
      return statement(targetOn(shard, Set.of()), sql);
    }

    /** A statement of the snapshot, on the shard as it is entered, and only while rows lie so. */
    public StatementSpec sql(ShardId shard, StatementSpec statement) {
      return targetOn(shard, tables).moved(statement);
    }

    /** The same of a read inside a transaction. */
    public StatementSpec sql(ShardPart part, StatementSpec statement) {
      Work.Target inside = part.reading();
      return new Work.Target() {
        @Override
        public <T> Flux<T> run(Work<T> work) {
          return inside.run(tables.isEmpty() ? work : sentThere(part.shard(), work));
        }
      }.moved(statement);
    }

    /** One of the shards inside a transaction. */
    public ShardPart in(SpanningTransaction transaction, ShardId shard) {
      return new ShardPart(transaction, shard, this::inside);
    }

    private <T> Flux<T> inside(ShardId shard, Function<ShardServers, Flux<T>> work) {
      return entered.on(shard).inside(work);
    }

    private Work.Target targetOn(ShardId shard, Set<String> lying) {
      Epoch.Entry entry = entered.on(shard);
      return new Work.Target() {
        @Override
        public <T> Flux<T> run(Work<T> work) {
          Work<T> sent = lying.isEmpty() ? work : sentThere(shard, work);
          return entry.inside(servers -> servers.run(sent));
        }
      };
    }

    private <T> Work<T> sentThere(ShardId shard, Work<T> work) {
      return work.doing(
          (connection, dialect) ->
              lies(tables)
                  ? work.execution().apply(connection, dialect)
                  : Flux.error(elsewhere(shard)));
    }
  }
}
