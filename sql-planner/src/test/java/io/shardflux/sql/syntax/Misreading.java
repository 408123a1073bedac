package io.shardflux.sql.syntax;

import java.util.List;

/**
 * A condition over {@code t (id, a, b)} that JSqlParser reads otherwise than MySQL.
 *
 * @param theirs as JSqlParser reads it, with all parentheses
 * @param mysql as MySQL reads it
 * @param refused whether this project's planner refuses it
 */
record Misreading(String condition, String theirs, String mysql, boolean refused) {

  static final List<Misreading> ALL =
      List.of(
          read("id=5--1 OR b = 2", "(`id` = 5)", "((`id` = (5 - -1)) OR (`b` = 2))"),
          refused("id = 5 /*! OR b = 2 */", "(`id` = 5)", "((`id` = 5) OR (`b` = 2))"),
          read("! id <> 5", "(! (`id` <> 5))", "((! `id`) <> 5)"),
          read(
              "id BETWEEN 4 AND 6 = 0",
              "(`id` BETWEEN 4 AND (6 = 0))",
              "((`id` BETWEEN 4 AND 6) = 0)"),
          read(
              "id = 5 OR a XOR b",
              "(((`id` = 5) OR `a`) XOR `b`)",
              "((`id` = 5) OR (`a` XOR `b`))"),
          refused("a || id = 5", "((`a` || `id`) = 5)", "(`a` OR (`id` = 5))"),
          read("id = 1 | 2 + 3", "(`id` = ((1 | 2) + 3))", "(`id` = (1 | (2 + 3)))"),
          read("id = 4 | 3 & 1", "(`id` = ((4 | 3) & 1))", "(`id` = (4 | (3 & 1)))"),
          read("id = 1 << 1 + 1", "(`id` = ((1 << 1) + 1))", "(`id` = (1 << (1 + 1)))"),
          read("id = 2 * 3 ^ 1", "(`id` = ((2 * 3) ^ 1))", "(`id` = (2 * (3 ^ 1)))"),
          read("id = 0b101", "(`id` = `0b101`)", "(`id` = 0b101)"),
          read("id=5#", "(`id` = `5`)", "(`id` = 5)"));

  private static Misreading read(String condition, String theirs, String mysql) {
    return new Misreading(condition, theirs, mysql, false);
  }

  private static Misreading refused(String condition, String theirs, String mysql) {
    return new Misreading(condition, theirs, mysql, true);
  }

  @Override
  public String toString() {
    return condition;
  }
}
