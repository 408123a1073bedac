package io.shardflux.r2dbc.settings;

import io.netty.channel.Channel;
import io.shardflux.router.Internal;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The connections that this process has open, of all its routers and of what stands beside them. So
 * a connection that a server lists can be told from one of a stranger with the same account.
 * Thread-safe.
 */
@Internal
public final class ProcessConnections {

  /** The expression by which a server names itself, whatever name it is reached by. */
  public static final String SERVER = "CONCAT(@@hostname, ':', @@port, ':', @@server_id)";

  private static final Map<Channel, Other> OPEN = new ConcurrentHashMap<>();

  private ProcessConnections() {}

  /** The other side of a connection: the server's own name, and the connection's id there. */
  private record Other(String server, long id) {}

  /** Counts a connection until its channel is closed. */
  public static void opened(Channel channel, String server, long id) {
    OPEN.put(channel, new Other(server, id));
    channel.closeFuture().addListener(closed -> OPEN.remove(channel));
  }

  /** The ids of the connections that are open now, by the servers' own names. */
  public static Map<String, SortedSet<Long>> all() {
    Map<String, SortedSet<Long>> all = new TreeMap<>();
    OPEN.values()
        .forEach(
            other ->
                all.computeIfAbsent(other.server(), server -> new TreeSet<>()).add(other.id()));
    return all;
  }
}
