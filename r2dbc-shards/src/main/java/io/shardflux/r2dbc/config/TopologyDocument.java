package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A topology as JSON with the keys of the YAML document, for tables that several routers read. It
 * has neither an epoch nor any user, password or pool: a server is a URL and the name of an
 * account. Immutable; two topologies that mean the same have the same text.
 */
@Internal
public final class TopologyDocument {

  private TopologyDocument() {}

  /**
   * The document of a topology.
   *
   * @param shards the servers of the topology's shards
   * @param accounts the names of the servers' accounts
   * @throws IllegalArgumentException if a server's account has no name there, a directory is of the
   *     application's own, or the text would be longer than 1 MiB
   */
  public static TopologyDocument of(Topology topology, List<Shard> shards, Accounts accounts) {
    throw new UnsupportedOperationException();
  }

  /** The document of what a router's own document and application say. */
  public static TopologyDocument of(RouterParts parts) {
    return of(parts.topology(), parts.shards(), parts.accounts());
  }

  /**
   * Reads what {@link #json} gave.
   *
   * @throws IllegalArgumentException if it is anything else, with the path to the mistake
   */
  public static TopologyDocument parse(String json) {
    throw new UnsupportedOperationException();
  }

  /** The whole as one line of JSON, in ASCII, of at most 1 MiB. */
  public String json() {
    throw new UnsupportedOperationException();
  }

  /**
   * The same without what differs from router to router and changes no key's shard: URLs, accounts,
   * and the sizes and times of directories. Equal for two documents of {@link #sameRouting}.
   */
  public String routing() {
    throw new UnsupportedOperationException();
  }

  /** The shards in their order. */
  public Set<ShardId> shards() {
    throw new UnsupportedOperationException();
  }

  /** The names of the accounts that its servers are reached by. */
  public Set<String> accounts() {
    throw new UnsupportedOperationException();
  }

  /** Tells whether both have the same shards, strategies and tables; see {@link #routing}. */
  public boolean sameRouting(TopologyDocument other) {
    return routing().equals(other.routing());
  }

  /**
   * The places in which this document differs from a published one, such as {@code shards.shard_3:
   * only in the document}; none where the {@link #sameRouting routing is the same}. At most 20
   * lines, of at most 200 characters.
   */
  public List<String> differences(TopologyDocument published) {
    throw new UnsupportedOperationException();
  }

  /**
   * The topology, to be used. A shard that the router's own document has is reached as that
   * document says. The same holds for a strategy that routes as its strategy of that name does.
   *
   * @param own what the router's own document says
   * @param before what is used until now, whose strategies and directories are kept where they are
   *     the same; null at the start
   * @throws IllegalArgumentException if the router has no account of a name; nothing stays open
   */
  public Opened open(long epoch, RouterParts own, @Nullable Opened before) {
    throw new UnsupportedOperationException();
  }

  /**
   * A document in use.
   *
   * @param shards the servers of the topology's shards, in its order
   * @param directories the directories that were made for it or for one before, and that it uses;
   *     must be closed by its user once no later one has them. Those of the router's own document
   *     are not among them
   */
  public record Opened(
      TopologyDocument document,
      Topology topology,
      List<Shard> shards,
      List<TableDirectory> directories) {

    /** Copies the lists. */
    public Opened {
      shards = List.copyOf(shards);
      directories = List.copyOf(directories);
    }
  }
}
