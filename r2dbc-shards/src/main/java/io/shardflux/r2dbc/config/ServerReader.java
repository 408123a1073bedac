package io.shardflux.r2dbc.config;

import static io.r2dbc.spi.ConnectionFactoryOptions.PASSWORD;
import static io.r2dbc.spi.ConnectionFactoryOptions.USER;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ServerAddress;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Tls;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the servers of a document, with their accounts and pools. Not thread-safe. */
final class ServerReader {

  private static final String URL = ServerAddress.URL;
  private static final String USERNAME = "an account's name, here or in the URL";

  private static final String REPLICAS =
      "a list of servers, each with url, and username and password where they are not the shard's";

  private static final int CONTROL_CONNECTIONS = 2;

  private final Setting root;
  private final PoolOptions pool;
  private final Map<String, Accounts.Account> named;

  /** The names of accounts that servers have in place of an account of their own. */
  private final Map<ConnectionFactoryOptions, String> said = new HashMap<>();

  /**
   * A reader of a document's servers.
   *
   * @param pool the bounds of a pool that has none of its own
   */
  ServerReader(Setting root, PoolOptions pool) {
    this.root = root;
    this.pool = pool;
    this.named = named(root.get("control").get("credentials"));
  }

  private static Map<String, Accounts.Account> named(Setting credentials) {
    Map<String, Accounts.Account> named = new LinkedHashMap<>();
    for (Setting account : credentials.entries()) {
      if (!account.isMap()) {
        // A name without an account may be a password.
        throw credentials.refusedUnseen(
            "a map of names to accounts, each with username and password");
      }
      if (!Accounts.NAME.matcher(account.name()).matches()) {
        throw account.misshapen("1 to 64 letters, digits, '_', '-' or '.' as its name");
      }
      account.onlyAsServer("username", "password");
      Setting password = account.get("password");
      named.put(
          account.name(),
          new Accounts.Account(
              account.get("username").text("an account's name"),
              password.present() ? password.secret("a password") : null));
    }
    return named;
  }

  /** The server of a shard, a directory or ids, with its replicas. */
  Shard server(Setting setting, ShardId id) {
    setting.onlyAsServer("url", "username", "password", "credentials", "pool", "replicas");
    ConnectionFactoryOptions options = options(setting);
    if (!options.hasOption(USER)) {
      throw setting.get("username").refused(USERNAME);
    }
    checkServer(setting.get("url"), options);
    Shard shard = Shard.of(id, options);
    for (Setting replica :
        setting.get("replicas").or(List.<Setting>of(), it -> it.items(REPLICAS))) {
      shard = withReplica(shard, replica);
    }
    Setting own = setting.get("pool");
    return own.present() ? shard.withPool(pool(own, pool, streamsSaid())) : shard;
  }

  private Shard withReplica(Shard shard, Setting replica) {
    replica.onlyAsServer("url", "username", "password");
    ConnectionFactoryOptions own = withOwnAccount(replica, parsed(replica.get("url")));
    Shard more = shard.withReplica(own);
    ConnectionFactoryOptions whole = more.replicas().get(more.replicas().size() - 1);
    String ofShard = said.get(shard.options());
    if (ofShard != null && !own.hasOption(USER)) {
      said.put(whole, ofShard);
    }
    checkServer(replica.get("url"), whole);
    return more;
  }

  private boolean streamsSaid() {
    return root.get("pool").get("streams").present();
  }

  /** The server of the control tables: that of the first shard, where none is specified. */
  Shard control(Setting control) {
    Setting url = control.get("url");
    ConnectionFactoryOptions options;
    if (url.present()) {
      options = withUser(control, withOwnAccount(control, parsed(url)));
      checkServer(url, options);
    } else {
      Setting first = first();
      if (first == null) {
        throw url.refused(URL + ", or at least one of shards");
      }
      options = withOwnAccount(control, otherUser(control, server(first, ShardId.of("control"))));
    }
    PoolOptions few =
        pool.toBuilder()
            .maxSize(CONTROL_CONNECTIONS)
            .minIdle(Math.min(pool.minIdle(), CONTROL_CONNECTIONS))
            .streams(1)
            .build();
    return Shard.of(ShardId.of("control"), options).withPool(few);
  }

  /** The options of a server, without the password if another account is to have it. */
  private static ConnectionFactoryOptions otherUser(Setting control, Shard server) {
    return control.get("username").present()
        ? ConnectionFactoryOptions.builder()
            .from(server.options(), option -> !option.equals(PASSWORD))
            .build()
        : server.options();
  }

  private ConnectionFactoryOptions withUser(Setting control, ConnectionFactoryOptions options) {
    if (options.hasOption(USER)) {
      return options;
    }
    Accounts.Account account = account(Accounts.DEFAULT);
    if (account == null || control.get("password").present()) {
      throw control.get("username").refused(USERNAME);
    }
    return account.on(options);
  }

  /** The accounts that a shared topology may name. Must be called when all servers are read. */
  Accounts accounts() {
    Map<String, Accounts.Account> all = new LinkedHashMap<>(named);
    Accounts.Account other = account(Accounts.DEFAULT);
    if (other != null) {
      all.put(Accounts.DEFAULT, other);
    }
    return Accounts.of(all).saidOf(said);
  }

  private ConnectionFactoryOptions options(Setting server) {
    ConnectionFactoryOptions options = withOwnAccount(server, parsed(server.get("url")));
    Setting credentials = server.get("credentials");
    if (!credentials.present()) {
      return options;
    }
    if (options.hasOption(USER) || options.hasOption(PASSWORD)) {
      throw credentials.refusedUnseen("either credentials, or username and password");
    }
    // Not shown, as a password may stand there by mistake.
    String name = credentials.secret("the name of an account");
    Accounts.Account account = account(name);
    if (account == null) {
      throw credentials.refusedUnseen("one of control.credentials, " + named.keySet());
    }
    ConnectionFactoryOptions whole = account.on(options);
    said.put(whole, name);
    return whole;
  }

  private static ConnectionFactoryOptions withOwnAccount(
      Setting server, ConnectionFactoryOptions options) {
    ConnectionFactoryOptions.Builder whole = options.mutate();
    server.get("username").ifPresent(it -> whole.option(USER, it.text("an account's name")));
    server.get("password").ifPresent(it -> whole.option(PASSWORD, it.secret("a password")));
    return whole.build();
  }

  /** The account of a name; the default one is that of the first shard, unless it is specified. */
  private Accounts.@Nullable Account account(String name) {
    Accounts.Account account = named.get(name);
    Setting first = first();
    if (account != null || first == null || !name.equals(Accounts.DEFAULT)) {
      return account;
    }
    Setting credentials = first.get("credentials");
    return credentials.present()
        ? named.get(credentials.secret("the name of an account"))
        : Accounts.Account.of(withOwnAccount(first, parsed(first.get("url"))));
  }

  private @Nullable Setting first() {
    List<Setting> shards = root.get("shards").entries();
    return shards.isEmpty() ? null : shards.get(0);
  }

  private static ConnectionFactoryOptions parsed(Setting url) {
    ConnectionFactoryOptions options = Shard.optionsOf(url.secret(URL));
    if (options == null) {
      throw url.refusedUnseen(URL);
    }
    return options;
  }

  private static void checkServer(Setting url, ConnectionFactoryOptions options) {
    var unused = url.checked(() -> Tls.loaded(options));
    if (ServerAddress.of(options).database().isEmpty()) {
      throw url.wrong("no database", URL);
    }
    checkDriver(url, options);
  }

  /**
   * Checks the driver here and not in {@link ServerPool}, because a driver's own message may quote
   * the URL.
   */
  private static void checkDriver(Setting url, ConnectionFactoryOptions options) {
    boolean known;
    try {
      known = ConnectionFactories.find(options) != null;
    } catch (RuntimeException e) {
      known = false;
    }
    if (!known) {
      throw url.refusedUnseen(
          "a URL with a driver that is on the class path, and with options that it takes");
    }
  }

  static PoolOptions pool(Setting setting, PoolOptions others) {
    return pool(setting, others, false);
  }

  /**
   * The pool's settings. Where {@code streams} is unspecified, it is that of the others if they
   * specify it, otherwise half of the connections.
   */
  private static PoolOptions pool(Setting setting, PoolOptions others, boolean streamsSaid) {
    setting.only(
        "max-size",
        "min-idle",
        "max-pending",
        "streams",
        "connect-timeout",
        "rollback-timeout",
        "max-idle-time",
        "max-lifetime");
    int maxSize = count(setting, "max-size", others.maxSize());
    return PoolOptions.builder()
        .maxSize(maxSize)
        .minIdle(minIdle(setting.get("min-idle"), others, maxSize))
        .maxPending(count(setting, "max-pending", others.maxPending()))
        .streams(
            setting
                .get("streams")
                .or(
                    streamsSaid ? Math.min(others.streams(), maxSize) : PoolOptions.half(maxSize),
                    it -> it.integer(1, maxSize)))
        .connectTimeout(time(setting, "connect-timeout", others.connectTimeout()))
        .rollbackTimeout(time(setting, "rollback-timeout", others.rollbackTimeout()))
        .maxIdleTime(time(setting, "max-idle-time", others.maxIdleTime()))
        .maxLifetime(time(setting, "max-lifetime", others.maxLifetime()))
        .build();
  }

  /** An unspecified {@code min-idle} gives way to the size. */
  private static int minIdle(Setting setting, PoolOptions others, int maxSize) {
    return setting.or(Math.min(others.minIdle(), maxSize), it -> it.integer(0, maxSize));
  }

  private static int count(Setting setting, String key, int other) {
    return setting.get(key).or(other, it -> it.integer(1, Integer.MAX_VALUE));
  }

  private static Duration time(Setting setting, String key, Duration other) {
    return setting.get(key).or(other, Setting::time);
  }
}
