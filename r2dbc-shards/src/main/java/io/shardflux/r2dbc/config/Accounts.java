package io.shardflux.r2dbc.config;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.router.Internal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The accounts of servers by name, so that what is shared names an account and holds no password.
 * Immutable; its text shows the names alone.
 */
@Internal
public final class Accounts {

  /** The name of the first shard's account, unless the document gives it to another. */
  public static final String DEFAULT = "default";

  /** No account. */
  public static final Accounts NONE = new Accounts(Map.of());

  private final Map<String, Account> byName;

  private Accounts(Map<String, Account> byName) {
    this.byName = Collections.unmodifiableMap(new LinkedHashMap<>(byName));
  }

  public static Accounts of(Map<String, Account> byName) {
    return new Accounts(byName);
  }

  public Set<String> names() {
    return byName.keySet();
  }

  /** The account of a name; null if there is none. */
  public @Nullable Account get(String name) {
    return byName.get(name);
  }

  /** The name of the account that a server is reached by; null if it has none. */
  public @Nullable String nameOf(ConnectionFactoryOptions server) {
    throw new UnsupportedOperationException();
  }

  @Override
  public String toString() {
    return "accounts" + byName.keySet();
  }

  /**
   * One account; its text shows nothing.
   *
   * @param username the account's name
   * @param password its password, or null for none
   */
  public record Account(String username, @Nullable CharSequence password) {

    @Override
    public String toString() {
      return "an account";
    }
  }
}
