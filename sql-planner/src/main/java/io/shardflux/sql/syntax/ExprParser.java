package io.shardflux.sql.syntax;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions, by MySQL's precedence. */
abstract class ExprParser extends FunctionParser {

  private static final Set<String> COMPARISONS =
      Set.of("=", "<=>", "<", ">", "<=", ">=", "<>", "!=");
  private static final Set<String> FUNCTIONS_WITHOUT_PARENTHESES =
      Set.of(
          "CURRENT_DATE",
          "CURRENT_TIME",
          "CURRENT_TIMESTAMP",
          "CURRENT_USER",
          "LOCALTIME",
          "LOCALTIMESTAMP",
          "UTC_DATE",
          "UTC_TIME",
          "UTC_TIMESTAMP");

  /** Reserved words that are functions where a parenthesis follows. */
  private static final Set<String> RESERVED_FUNCTIONS =
      Set.of(
          ("CHAR CONVERT CUME_DIST CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER"
                  + " DATABASE DEFAULT DENSE_RANK FIRST_VALUE GROUPING IF INSERT LAG LAST_VALUE LEAD"
                  + " LEFT LOCALTIME LOCALTIMESTAMP MOD NTH_VALUE NTILE PERCENT_RANK RANK REPEAT"
                  + " REPLACE RIGHT ROW_NUMBER SCHEMA UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES")
              .split(" "));

  ExprParser(SqlText text) {
    super(text);
  }

  /** A query, up to what isn't one any more. */
  abstract Query query();

  @Override
  final Expr expr() {
    enter();
    Expr expr = joined(OR);
    leave();
    return expr;
  }

  // The operators that join conditions, loosest first. All operands of an operator are one
  // expression.
  private static final int OR = 1;
  private static final int XOR = 2;
  private static final int AND = 3;

  private Expr joined(int loosest) {
    int start = start();
    Expr left = is("NOT") ? negated() : truth();
    for (int rank = joining(); rank >= loosest; rank = joining()) {
      List<Expr> operands = new ArrayList<>(List.of(left));
      while (joining() == rank) {
        next();
        operands.add(joined(rank + 1));
      }
      left = new Expr.Op(since(start), rank == OR ? "OR" : rank == XOR ? "XOR" : "AND", operands);
    }
    return left;
  }

  /** The rank by which the next token joins conditions, 0 if it joins none. */
  private int joining() {
    Token token = token();
    if (token.kind() == Token.Kind.OPERATOR) {
      return token.is("&&") ? AND : 0;
    }
    return token.is("AND") ? AND : token.is("OR") ? OR : token.is("XOR") ? XOR : 0;
  }

  /** A condition with the {@code NOT}s before it. */
  private Expr negated() {
    List<Integer> starts = new ArrayList<>();
    while (is("NOT")) {
      starts.add(start());
      next();
      checkChain(starts.size());
    }
    Expr expr = truth();
    for (int i = starts.size() - 1; i >= 0; i--) {
      expr = new Expr.Op(since(starts.get(i)), "NOT", List.of(expr));
    }
    return expr;
  }

  private Expr truth() {
    int start = start();
    Expr left = compared(start, predicate(start, computed(1)));
    for (int i = 1; is("IS"); i++) {
      checkChain(i);
      next();
      boolean negated = skip("NOT");
      if (!isAny("TRUE", "FALSE", "UNKNOWN")) {
        throw unexpected();
      }
      String operator = "IS " + (negated ? "NOT " : "") + upper();
      next();
      left = new Expr.Op(since(start), operator, List.of(left));
    }
    return left;
  }

  private Expr compared(int start, Expr first) {
    Expr left = first;
    for (int i = 0; ; i++) {
      checkChain(i);
      if (COMPARISONS.contains(token().value()) && token().kind() == Token.Kind.OPERATOR) {
        String operator = next().value();
        if (isAny("ANY", "SOME", "ALL") && token(1).is("(")) {
          next();
          left = subquery(start, Expr.Subquery.Use.QUANTIFIED, left);
        } else {
          Expr right = predicate();
          left =
              new Expr.Op(
                  since(start), operator.equals("!=") ? "<>" : operator, List.of(left, right));
        }
      } else if (isSequence("IS", "NULL") || isSequence("IS", "NOT", "NULL")) {
        next();
        String operator = skip("NOT") ? "IS NOT NULL" : "IS NULL";
        next();
        left = new Expr.Op(since(start), operator, List.of(left));
      } else {
        return left;
      }
    }
  }

  private Expr predicate() {
    int start = start();
    return predicate(start, bits());
  }

  private Expr predicate(int start, Expr left) {
    boolean negated = is("NOT") && token(1).kind() == Token.Kind.WORD;
    Token operator = negated ? token(1) : token();
    if (operator.is("IN")) {
      skipNot(negated);
      next();
      return in(start, left, negated);
    }
    if (operator.is("BETWEEN")) {
      skipNot(negated);
      next();
      Expr low = bits();
      expect("AND");
      enter();
      Expr high = predicate();
      leave();
      return new Expr.Op(
          since(start), negated ? "NOT BETWEEN" : "BETWEEN", List.of(left, low, high));
    }
    if (operator.is("LIKE") || operator.is("REGEXP") || operator.is("RLIKE")) {
      skipNot(negated);
      next();
      List<Expr> operands = new ArrayList<>(List.of(left, bits()));
      if (operator.is("LIKE") && skip("ESCAPE")) {
        operands.add(computed(TIGHTEST));
      }
      String name = (negated ? "NOT " : "") + operator.value().toUpperCase(Locale.ROOT);
      return new Expr.Op(since(start), name, operands);
    }
    if (negated) {
      throw unexpected();
    }
    if (isSequence("SOUNDS", "LIKE") || isSequence("MEMBER", "OF")) {
      String name = upper();
      next();
      next();
      Expr right = bits();
      return new Expr.Op(since(start), name, List.of(left, right));
    }
    return left;
  }

  private void skipNot(boolean negated) {
    if (negated) {
      next();
    }
  }

  private Expr in(int start, Expr left, boolean negated) {
    if (is("(") && isQuery(token(1))) {
      return subquery(start, negated ? Expr.Subquery.Use.NOT_IN : Expr.Subquery.Use.IN, left);
    }
    expect("(");
    List<Expr> children = new ArrayList<>(List.of(left));
    children.addAll(exprs());
    expect(")");
    return new Expr.In(since(start), negated, children);
  }

  private Expr subquery(int start, Expr.Subquery.Use use, @Nullable Expr left) {
    expect("(");
    Query query = query();
    expect(")");
    return new Expr.Subquery(since(start), use, left, query);
  }

  static boolean isQuery(Token token) {
    return token.is("SELECT") || token.is("WITH");
  }

  @Override
  final Expr bits() {
    return computed(1);
  }

  private static final int TIGHTEST = 7;

  /** Operands and the operators between them, each of which binds at least so tightly. */
  private Expr computed(int loosest) {
    int start = start();
    Expr left = isSign() ? signed() : collated(start, primary());
    int operators = 0;
    for (int rank = rank(); rank >= loosest; rank = rank()) {
      checkChain(++operators);
      String operator = upper();
      next();
      Expr right = computed(rank + 1);
      left = new Expr.Op(since(start), operator, List.of(left, right));
    }
    return left;
  }

  /**
   * The rank by which the next token binds its operands, 0 if it is not an operator between two.
   */
  private int rank() {
    Token token = token();
    if (token.kind() == Token.Kind.OPERATOR) {
      return switch (token.value()) {
        case "|" -> 1;
        case "&" -> 2;
        case "<<", ">>" -> 3;
        case "+", "-" -> 4;
        case "*", "/", "%" -> 5;
        case "^" -> 6;
        default -> 0;
      };
    }
    return token.is("DIV") || token.is("MOD") ? 5 : 0;
  }

  /** An operand with the signs before it. */
  private Expr signed() {
    List<Token> signs = new ArrayList<>();
    while (isSign()) {
      signs.add(next());
      checkChain(signs.size());
    }
    int start = start();
    Expr expr = collated(start, primary());
    for (int i = signs.size() - 1; i >= 0; i--) {
      Token sign = signs.get(i);
      expr = Literals.signed(since(sign.start()), sign.value().toUpperCase(Locale.ROOT), expr);
    }
    return expr;
  }

  private boolean isSign() {
    return isAny("-", "+", "~", "!", "BINARY");
  }

  private Expr collated(int start, Expr operand) {
    Expr expr = operand;
    for (int i = 0; ; i++) {
      checkChain(i);
      if (skip("COLLATE")) {
        String collation = next().value().toLowerCase(Locale.ROOT);
        expr = new Expr.Op(since(start), "COLLATE " + collation, List.of(expr));
      } else if (isAny("->", "->>")) {
        String operator = next().value();
        Expr path = primary();
        expr = new Expr.Op(since(start), operator, List.of(expr, path));
      } else {
        return expr;
      }
    }
  }

  private Expr primary() {
    Token token = token();
    int start = token.start();
    switch (token.kind()) {
      case STRING -> {
        return string(start);
      }
      case NUMBER -> {
        next();
        return Literals.number(since(start), token.value());
      }
      case BITS -> {
        next();
        return new Expr.Literal(since(start), Literals.bytes(token.value()), false);
      }
      case MARKER -> {
        next();
        return new Expr.Marker(since(start), token.index());
      }
      case VARIABLE -> {
        next();
        return new Expr.Variable(since(start));
      }
      case OPERATOR -> {
        return parenthesized(start);
      }
      case WORD, QUOTED -> {
        return word(start);
      }
      default -> throw unexpected();
    }
  }

  private Expr string(int start) {
    StringBuilder value = new StringBuilder();
    while (token().kind() == Token.Kind.STRING) {
      value.append(next().value());
    }
    return new Expr.Literal(since(start), value.toString(), true);
  }

  private Expr parenthesized(int start) {
    if (is("(") && isQuery(token(1))) {
      return subquery(start, Expr.Subquery.Use.VALUE, null);
    }
    expect("(");
    List<Expr> exprs = exprs();
    expect(")");
    return exprs.size() == 1
        ? new Expr.Paren(since(start), exprs.get(0))
        : new Expr.Row(since(start), exprs);
  }

  private Expr word(int start) {
    Token token = token();
    if (token.kind() == Token.Kind.WORD) {
      Expr special = special(start);
      if (special != null) {
        return special;
      }
      boolean function = token(1).is("(");
      if (function && (token.isName() || RESERVED_FUNCTIONS.contains(upper()))) {
        return call(start);
      }
      if (FUNCTIONS_WITHOUT_PARENTHESES.contains(upper())) {
        String name = upper();
        next();
        return new Expr.Call(since(start), name, false, false, List.of());
      }
    }
    return columnName();
  }

  /** A column, perhaps behind its table and its database. */
  final Expr.Name columnName() {
    int start = start();
    Token first = name();
    if (!skip(".")) {
      return new Expr.Name(since(start), null, first.value());
    }
    Token second = named(first);
    if (!skip(".")) {
      return new Expr.Name(since(start), first.value(), second.value());
    }
    ofSchema(first, second);
    String column = named(second).value();
    return new Expr.Name(since(start), second.value(), column);
  }

  /** An expression that a word of the language begins; null if this word begins none. */
  private @Nullable Expr special(int start) {
    boolean string = token(1).kind() == Token.Kind.STRING;
    return switch (upper()) {
      case "NULL", "TRUE", "FALSE" -> keyword(start);
      case "DATE", "TIME", "TIMESTAMP" -> string ? temporal(start) : null;
      case "EXISTS" -> {
        next();
        yield subquery(start, Expr.Subquery.Use.EXISTS, null);
      }
      case "CASE" -> cases(start);
      case "CAST", "CONVERT" -> token(1).is("(") ? cast(start) : null;
      case "INTERVAL" -> interval(start);
      case "ROW" -> {
        next();
        yield parenthesized(start);
      }
      case "MATCH" -> match(start);
      default -> string && token().value().startsWith("_") ? introduced(start) : null;
    };
  }

  private Expr keyword(int start) {
    Object value = is("NULL") ? null : (Object) is("TRUE");
    next();
    return new Expr.Literal(since(start), value, true);
  }

  /** A string with its character set before it. */
  private Expr introduced(int start) {
    next();
    next();
    return new Expr.Literal(since(start), null, false);
  }
}
