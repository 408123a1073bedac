package io.shardflux.benchmarks;

/** A row of the table, which its id tells in full. */
record User(long id, String username, String email, String name) {

  private static final String PREFIX = "user";

  static User of(long id) {
    String username = PREFIX + id;
    return new User(id, username, username + "@example.org", "User " + id);
  }

  /**
   * Tells whether all columns are those of this id. Allocates nothing, so that the figures are
   * those of the contenders.
   */
  boolean isWhole() {
    return username.startsWith(PREFIX)
        && Long.parseLong(username, PREFIX.length(), username.length(), 10) == id
        && email.startsWith(username)
        && Long.parseLong(name, PREFIX.length() + 1, name.length(), 10) == id;
  }

  /** Returns this user; fails if another one was asked for, or a column is wrong. */
  User as(long wanted) {
    if (id != wanted || !isWhole()) {
      throw new IllegalStateException("answer for " + wanted + ": " + this);
    }
    return this;
  }
}
