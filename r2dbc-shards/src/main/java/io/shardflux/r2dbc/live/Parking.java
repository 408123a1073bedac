package io.shardflux.r2dbc.live;

import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * The statements of a router that wait for the next topology, because their keys are being switched
 * to another shard. Once it is in force they go on in their order, and only some are on their way
 * to a connection at once: thousands that go together would overflow a pool's queue.
 */
@Internal
public final class Parking {

  /** The statements that may wait. */
  static final int MOST = 10_000;

  private enum Stage {
    WAITING,
    GOING,
    OVER
  }

  private final int atOnce;

  // Guarded by this.
  private Set<Ticket> waiting = new LinkedHashSet<>();
  private Set<Ticket> due = new LinkedHashSet<>();
  private long epoch;
  private int going;

  /**
   * A place where nobody waits.
   *
   * @param epoch the topology in force
   * @param atOnce the statements that may be on their way to a connection, of those that waited
   */
  Parking(long epoch, int atOnce) {
    this.epoch = epoch;
    this.atOnce = atOnce;
  }

  /**
   * Lets a statement wait, which must {@linkplain Ticket#leave leave}.
   *
   * @param located the epoch that it was located in
   * @return null if too many wait
   */
  @Nullable Ticket enter(long located) {
    Ticket ticket = new Ticket();
    synchronized (this) {
      if (waiting.size() + due.size() >= MOST) {
        return null;
      }
      (located < epoch ? due : waiting).add(ticket);
    }
    go();
    return ticket;
  }

  /** Another topology came into force. */
  void moved(long next) {
    synchronized (this) {
      epoch = next;
      if (due.isEmpty()) {
        Set<Ticket> none = due;
        due = waiting;
        waiting = none;
      } else {
        due.addAll(waiting);
        waiting.clear();
      }
    }
    go();
  }

  /** The statements that wait, for the topology or for their turn. */
  synchronized int waiting() {
    return waiting.size() + due.size();
  }

  private void go() {
    List<Ticket> now = new ArrayList<>();
    synchronized (this) {
      Iterator<Ticket> next = due.iterator();
      while (going < atOnce && next.hasNext()) {
        Ticket ticket = next.next();
        next.remove();
        ticket.stage = Stage.GOING;
        going++;
        now.add(ticket);
      }
    }
    now.forEach(Ticket::tell);
  }

  /** A statement that waits, and then is on its way to a connection. */
  public final class Ticket {

    private final Sinks.Empty<Void> turn = Sinks.empty();

    // Guarded by the parking.
    private Stage stage = Stage.WAITING;

    private Ticket() {}

    /** Completes when the statement may go on, on a thread of no connection. */
    Mono<Void> turn() {
      return turn.asMono().publishOn(Schedulers.parallel());
    }

    /** The statement has its connection, or is over. A second call does nothing. */
    public void leave() {
      Stage before;
      synchronized (Parking.this) {
        before = stage;
        stage = Stage.OVER;
        if (before == Stage.WAITING) {
          waiting.remove(this);
          due.remove(this);
        } else if (before == Stage.GOING) {
          going--;
        }
      }
      if (before == Stage.GOING) {
        go();
      }
    }

    private void tell() {
      var unused = turn.tryEmitEmpty();
    }
  }
}
