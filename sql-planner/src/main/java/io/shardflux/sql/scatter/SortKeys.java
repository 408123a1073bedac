package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Types;
import io.shardflux.sql.merge.SortKey;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;

/**
 * The keys by which values are compared, so that the merge orders and tells apart as the servers
 * do.
 *
 * @param groups whether the shards group rows
 */
record SortKeys(
    Block block,
    Types types,
    SelectList list,
    ShardExpressions expressions,
    HiddenColumns hidden,
    ShownDigits digits,
    boolean groups) {

  /** Refuses an expression whose value is another one each time. */
  static void checkDetermined(Expr expr) {
    if (expr.isRandom()) {
      throw new RefusedSqlException(
          RefusalCode.NON_DETERMINISTIC, "random values to order or group by");
    }
  }

  /** The key by which a value is compared; {@code index} is the item that it is, or -1. */
  SortKey of(Expr expr, int index, boolean descending) {
    Expr bare = expr.bare();
    SqlType type = types.of(bare, block);
    Fragment value = expressions.write(bare);
    boolean textual = type.kind() == SqlType.Kind.TEXT || type.kind() == SqlType.Kind.LITERAL;
    int padding = textual ? padding(bare, value, type) : SortKey.NONE;
    int column =
        switch (type.kind()) {
          case NUMBER -> number(bare, index, value);
          case SMALL_NUMBER, ENUM -> {
            boolean real = type.kind() == SqlType.Kind.SMALL_NUMBER && digits.of(bare).isDouble();
            yield hidden.add(single(bare, Fragment.of("(", value, real ? ") + 0e0" : ") + 0")));
          }
          // As an integer, MariaDB's functions give a negative TIME without its sign.
          case TEMPORAL -> hidden.add(single(bare, Fragment.of("(", value, ") + 0.0")));
          case TEXT, LITERAL, BINARY ->
              hidden.add(single(bare, Fragment.of("WEIGHT_STRING(", value, ")")));
          case NULL -> hidden.add(Fragment.of("NULL"));
          default -> throw new RefusedSqlException(RefusalCode.UNSORTABLE, bare.description());
        };
    return new SortKey(column, padding, descending);
  }

  private int number(Expr expr, int index, Fragment value) {
    Fragment sorted = digits.sorted(expr, value);
    boolean shown = sorted.equals(value) && index >= 0 && !list.isStarred();
    return shown ? index : hidden.add(single(expr, sorted));
  }

  /** The hidden column of a space's weight where text is padded, or that of NULL where not. */
  private int padding(Expr expr, Fragment value, SqlType type) {
    String collation = type.collation();
    if (collation == null) {
      Fragment none = Fragment.of("CONCAT(LEFT(", value, ", 0), ");
      return hidden.add(
          single(
              expr,
              Fragment.of(
                  "IF(", none, "'a') = ", none, "'a '), WEIGHT_STRING(", none, "' ')), NULL)")));
    }
    if (!type.isMerged()) {
      throw RefusedSqlException.open(
          RefusalCode.UNSORTABLE,
          expr.description()
              + ": texts of "
              + collation
              + ", whose weights don't tell their order");
    }
    if (!KeyPart.isPadded(collation)) {
      return SortKey.NONE;
    }
    String charset = collation.substring(0, Math.max(0, collation.indexOf('_')));
    if (charset.isEmpty() || charset.equals("uca1400")) {
      charset = "utf8mb4";
    }
    return hidden.add(
        Fragment.of("WEIGHT_STRING(CONVERT(' ' USING " + charset + ") COLLATE " + collation + ")"));
  }

  /**
   * The value that every row of a group has alike, in the form that ONLY_FULL_GROUP_BY requires.
   */
  private Fragment single(Expr expr, Fragment value) {
    boolean plainly = !groups || expr instanceof Expr.Name || aggregates(expr) || expr.hasWindow();
    return plainly ? value : Fragment.of("MIN(", value, ")");
  }

  /** Tells whether the expression has an aggregate, itself or by its aliases. */
  private boolean aggregates(Expr expr) {
    return expr.any(each -> Functions.isAggregate(each) || isAliasOfAggregate(each));
  }

  private boolean isAliasOfAggregate(Expr expr) {
    Expr aliased =
        expr instanceof Expr.Name name && block.scope().findHere(name) == null
            ? block.select().items().aliased(name)
            : null;
    return aliased != null && aliased.aggregates();
  }
}
