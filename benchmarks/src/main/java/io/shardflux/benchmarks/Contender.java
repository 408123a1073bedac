package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Meter.Tally;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/** A way to the rows. It checks each answer that it counts, and fails on a wrong answer. */
abstract sealed class Contender implements AutoCloseable
    permits ReactiveContender, BlockingContender, WebContender {

  /** Connections to each shard, for every contender. */
  static final int POOL_SIZE = 16;

  static final String SELECT = "SELECT id, username, email, name FROM users";
  static final String INSERT = "INSERT INTO inserts (id, username, email, name) VALUES ";

  /** The ways there are. */
  enum Way {
    BY_HAND("by hand") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new ByHand(shards);
      }
    },
    ROUTER("router") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new Routed(shards);
      }
    },
    COALESCED("coalesced") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new Coalesced(shards);
      }
    },
    DRIVER("driver") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new Driven(shards);
      }
    },
    SHARDINGSPHERE("ShardingSphere") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new ShardingSphere(shards);
      }
    },
    JDBC("JDBC by hand") {
      @Override
      Contender open(List<Endpoint> shards) {
        return new Jdbc(shards);
      }
    },
    WEB_BY_HAND("plain controller") {
      @Override
      Contender open(List<Endpoint> shards) {
        return WebContender.byHand(shards);
      }
    },
    WEB_ROUTER("webflux-api") {
      @Override
      Contender open(List<Endpoint> shards) {
        return WebContender.routed(shards);
      }
    };

    private final String text;

    Way(String text) {
      this.text = text;
    }

    abstract Contender open(List<Endpoint> shards);

    @Override
    public String toString() {
      return text;
    }
  }

  /** Does the task once; blocks until it is done. */
  abstract Tally perform(Task task);

  @Override
  public abstract void close();

  static Histogram latencies() {
    return new ConcurrentHistogram(1_000, 600_000_000_000L, 2);
  }

  /** The rows of an answer that must have each user once. */
  static final class Census {

    private final BitSet seen = new BitSet();
    private final boolean ordered;
    private long last;

    Census(Task task) {
      this.ordered = task.act() == Task.Act.STREAM_IN_ORDER;
    }

    void take(User user) {
      int id = Math.toIntExact(user.id());
      if (!user.isWhole() || seen.get(id) || (ordered && id <= last)) {
        throw new IllegalStateException("row after " + last + ": " + user);
      }
      seen.set(id);
      last = id;
    }

    Tally whole(Task task) {
      if (seen.cardinality() != task.users() || seen.length() != task.users() + 1) {
        throw new IllegalStateException(
            "rows: " + seen.cardinality() + " (expected: " + task.users() + ")");
      }
      return new Tally(task.users(), latencies());
    }
  }

  /** A task's requests: until when they are made, for which users, and how long they took. */
  static final class Requests {

    final Histogram latencies = latencies();
    private final AtomicLong next = new AtomicLong();
    private final long end;

    Requests(Task task) {
      this.end = System.nanoTime() + task.time().toNanos();
    }

    boolean more() {
      return System.nanoTime() - end < 0;
    }

    /** A user that no request had before. */
    User newcomer() {
      return User.of(next.incrementAndGet());
    }

    void answered(long start) {
      latencies.recordValue(System.nanoTime() - start);
    }

    Tally tally() {
      return new Tally(latencies.getTotalCount(), latencies);
    }
  }
}
