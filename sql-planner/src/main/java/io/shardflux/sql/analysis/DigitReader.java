package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.sql.merge.Values;
import io.shardflux.sql.schema.Digits;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.syntax.Expr;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Says which digits a server shows of the numbers of a select's expressions. */
@Internal
public record DigitReader(Block block, Types types) {

  private static final Set<String> DOUBLES =
      Set.of(
          "ACOS",
          "ASIN",
          "ATAN",
          "ATAN2",
          "COS",
          "COT",
          "DEGREES",
          "EXP",
          "LN",
          "LOG",
          "LOG10",
          "LOG2",
          "POW",
          "POWER",
          "RADIANS",
          "RAND",
          "SIN",
          "SQRT",
          "TAN",
          "STD",
          "STDDEV",
          "STDDEV_POP",
          "STDDEV_SAMP",
          "VAR_POP",
          "VAR_SAMP",
          "VARIANCE");

  private static final Set<String> KEPT = Set.of("ABS", "ANY_VALUE", "MIN", "MAX", "SUM", "NULLIF");

  /** Operators that give text, which is a double where a number is wanted. */
  private static final Set<String> TEXTS = Set.of("COLLATE", "CONVERT", "BINARY", "->", "->>");

  private static final Set<String> ARITHMETIC = Set.of("+", "-", "*", "/", "%", "MOD");

  private static final Pattern CAST_SCALE = Pattern.compile("[^(]*[(] ?\\d+ ?, ?(\\d{1,3}) ?[)].*");

  public Digits of(Expr expr) {
    Expr bare = expr.bare();
    if (bare instanceof Expr.Name name) {
      return of(name);
    }
    if (bare instanceof Expr.Literal literal) {
      return of(literal);
    }
    if (bare instanceof Expr.Marker) {
      return Digits.MARKER;
    }
    if (bare instanceof Expr.Op op) {
      return of(op);
    }
    if (bare instanceof Expr.Call call) {
      return of(call);
    }
    if (bare instanceof Expr.Subquery) {
      return types.of(bare, block).digits();
    }
    return bare instanceof Expr.In ? Digits.WHOLE : Digits.UNKNOWN;
  }

  private Digits of(Expr.Name name) {
    Scope.Column column = block.scope().find(name);
    if (column != null) {
      return column.type().digits();
    }
    Expr aliased = block.select().items().aliased(name);
    return aliased == null || aliased.bare() == name ? Digits.UNKNOWN : of(aliased);
  }

  private static Digits of(Expr.Literal literal) {
    Object value = literal.value();
    if (!literal.known()) {
      return Digits.UNKNOWN;
    }
    if (value instanceof BigDecimal number) {
      return Digits.decimal(Math.max(0, number.scale()));
    }
    if (value == null
        || value instanceof Long
        || value instanceof BigInteger
        || value instanceof Boolean) {
      return Digits.WHOLE;
    }
    return value instanceof Double || value instanceof String ? Digits.REAL : Digits.TEMPORAL;
  }

  private Digits of(Expr.Op op) {
    List<Expr> operands = op.children();
    String operator = op.operator();
    if (operator.startsWith("CAST ")) {
      return cast(operator.substring("CAST ".length()));
    }
    if (operator.equals("CASE")) {
      return choice(operands.get(1).children());
    }
    if (TEXTS.contains(operator.split(" ", 2)[0])) {
      return Digits.REAL;
    }
    return isArithmetic(op) ? arithmetic(op) : Digits.WHOLE;
  }

  private static boolean isArithmetic(Expr expr) {
    return expr instanceof Expr.Op op && ARITHMETIC.contains(op.operator());
  }

  /** The digits of a chain of operators, read from its first operand on. */
  private Digits arithmetic(Expr last) {
    Deque<Expr.Op> operators = new ArrayDeque<>();
    Expr first = last;
    while (isArithmetic(first)) {
      operators.push((Expr.Op) first);
      first = first.children().get(0).bare();
    }
    Digits digits = isInterval(first) ? Digits.TEMPORAL : of(first);
    for (Expr.Op op : operators) {
      digits =
          op.children().size() < 2 ? digits : applied(op.operator(), digits, op.children().get(1));
    }
    return digits;
  }

  private Digits applied(String operator, Digits left, Expr right) {
    if (isInterval(right.bare())) {
      return Digits.TEMPORAL;
    }
    return switch (operator) {
      case "*" -> left.times(of(right));
      case "/" -> left.by(of(right));
      case "-" -> left.minus(of(right));
      default -> Digits.choice(List.of(left, of(right)));
    };
  }

  private static boolean isInterval(Expr expr) {
    return expr instanceof Expr.Op op && op.operator().startsWith("INTERVAL ");
  }

  private static Digits cast(String type) {
    String name = type.split(" ", 2)[0];
    Matcher scale = CAST_SCALE.matcher(type);
    return switch (name) {
      case "DECIMAL" -> Digits.decimal(scale.matches() ? Integer.parseInt(scale.group(1)) : 0);
      case "DOUBLE", "REAL", "FLOAT" -> scale.matches() ? Digits.CUT : Digits.REAL;
      case "DATE", "DATETIME", "TIME" -> Digits.TEMPORAL;
      case "SIGNED", "UNSIGNED", "INTEGER", "INT", "YEAR" -> Digits.WHOLE;
      default -> Digits.REAL;
    };
  }

  private Digits of(Expr.Call call) {
    String name = call.name();
    List<Expr> arguments = call.children();
    if (DOUBLES.contains(name)) {
      return Digits.REAL;
    }
    if (arguments.isEmpty()) {
      return ofType(call);
    }
    Expr first = arguments.get(0);
    if (KEPT.contains(name)) {
      return of(first);
    }
    return switch (name) {
      case "AVG" -> of(first).by(Digits.WHOLE);
      case "CEIL", "CEILING", "FLOOR" -> of(first).rounded(0);
      case "ROUND", "TRUNCATE" ->
          of(first).rounded(arguments.size() < 2 ? Integer.valueOf(0) : digits(arguments.get(1)));
      case "MOD", "COALESCE", "GREATEST", "IFNULL", "LEAST" -> choice(arguments);
      case "IF" -> choice(arguments.subList(1, arguments.size()));
      default -> ofType(call);
    };
  }

  private static @Nullable Integer digits(Expr expr) {
    return expr.bare() instanceof Expr.Literal literal && literal.value() instanceof Long number
        ? Integer.valueOf((int) Math.max(-1, Math.min(number, Values.MAX_SCALE + 1)))
        : null;
  }

  private Digits ofType(Expr.Call call) {
    SqlType type = types.of(call, block);
    return switch (type.kind()) {
      case NUMBER, SMALL_NUMBER -> call.name().equals("PI") ? Digits.CUT : Digits.WHOLE;
      case TEMPORAL -> Digits.TEMPORAL;
      case NONE, MARKER -> Digits.UNKNOWN;
      default -> Digits.REAL;
    };
  }

  private Digits choice(List<Expr> exprs) {
    return Digits.choice(exprs.stream().map(this::of).toList());
  }
}
