package io.shardflux.r2dbc.config;

import static io.r2dbc.spi.ConnectionFactoryOptions.PASSWORD;
import static io.r2dbc.spi.ConnectionFactoryOptions.USER;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.router.Internal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The accounts of servers by name, so that what is shared names an account and holds no password.
 * Immutable; its text shows the names alone.
 */
@Internal
public final class Accounts {

  /** The name of the first shard's account, unless the document gives it to another. */
  public static final String DEFAULT = "default";

  /** What an account may be named. */
  static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");

  /** No account. */
  public static final Accounts NONE = new Accounts(Map.of(), Map.of());

  private final Map<String, Account> byName;

  /** The names that servers have by the document, as several names may have one account. */
  private final Map<ConnectionFactoryOptions, String> said;

  private Accounts(Map<String, Account> byName, Map<ConnectionFactoryOptions, String> said) {
    this.byName = Collections.unmodifiableMap(new LinkedHashMap<>(byName));
    this.said = Map.copyOf(said);
  }

  public static Accounts of(Map<String, Account> byName) {
    return new Accounts(byName, Map.of());
  }

  /**
   * These accounts, and the names that servers have by the document.
   *
   * @param said the names, each of one of the accounts
   */
  Accounts saidOf(Map<ConnectionFactoryOptions, String> said) {
    return new Accounts(byName, said);
  }

  public Set<String> names() {
    return byName.keySet();
  }

  /** The account of a name; null if there is none. */
  public @Nullable Account get(String name) {
    return byName.get(name);
  }

  /**
   * The name of the account that a server is reached by: the name that the document says, otherwise
   * {@link #DEFAULT} or the first name of such an account; null if it has none.
   */
  public @Nullable String nameOf(ConnectionFactoryOptions server) {
    String name = said.get(server);
    Account account = Account.of(server);
    if (name != null || account == null) {
      return name;
    }
    return account.equals(byName.get(DEFAULT))
        ? DEFAULT
        : byName.keySet().stream()
            .filter(each -> account.equals(byName.get(each)))
            .findFirst()
            .orElse(null);
  }

  @Override
  public String toString() {
    return "accounts" + byName.keySet();
  }

  /**
   * One account; its text shows nothing of it.
   *
   * @param username the account's name
   * @param password its password, or null for none
   */
  public record Account(String username, @Nullable String password) {

    /** The account in the options of a server; null if there is none. */
    static @Nullable Account of(ConnectionFactoryOptions server) {
      Object username = server.getValue(USER);
      Object password = server.getValue(PASSWORD);
      return username == null
          ? null
          : new Account(username.toString(), password == null ? null : password.toString());
    }

    /** The options of a server that is reached by this account. */
    public ConnectionFactoryOptions on(ConnectionFactoryOptions server) {
      ConnectionFactoryOptions.Builder whole = server.mutate().option(USER, username);
      if (password != null) {
        whole.option(PASSWORD, password);
      }
      return whole.build();
    }

    @Override
    public String toString() {
      return "an account";
    }
  }
}
