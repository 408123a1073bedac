package io.shardflux.sql;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses expressions, by MySQL's precedence. */
abstract class ExprParser extends Parser {

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
          ("CHAR CONVERT CUME_DIST CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DATABASE"
                  + " DEFAULT DENSE_RANK FIRST_VALUE GROUPING IF INSERT LAG LAST_VALUE LEAD LEFT"
                  + " LOCALTIME LOCALTIMESTAMP MOD NTH_VALUE NTILE PERCENT_RANK RANK REPEAT REPLACE"
                  + " RIGHT ROW_NUMBER SCHEMA UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES")
              .split(" "));

  ExprParser(SqlText text) {
    super(text);
  }

  /** A query, up to what isn't one any more. */
  abstract Query query();

  abstract List<Query.OrderItem> order();

  final Expr expr() {
    enter();
    try {
      return chain(this::xor, "OR", "OR");
    } finally {
      leave();
    }
  }

  final List<Expr> exprs() {
    List<Expr> exprs = new ArrayList<>();
    do {
      exprs.add(expr());
    } while (skip(","));
    return exprs;
  }

  private interface Rule {
    Expr parse();
  }

  /** Operands joined by an operator of no own order, as one. */
  private Expr chain(Rule operand, String operator, String other) {
    int start = start();
    Expr first = operand.parse();
    if (!isAny(operator, other)) {
      return first;
    }
    List<Expr> operands = new ArrayList<>(List.of(first));
    while (skip(operator) || skip(other)) {
      operands.add(operand.parse());
    }
    return new Expr.Op(since(start), operator, operands);
  }

  private Expr xor() {
    return chain(this::and, "XOR", "XOR");
  }

  private Expr and() {
    return chain(this::not, "AND", "&&");
  }

  private Expr not() {
    int start = start();
    if (!skip("NOT")) {
      return truth();
    }
    enter();
    Expr operand = not();
    leave();
    return new Expr.Op(since(start), "NOT", List.of(operand));
  }

  private Expr truth() {
    int start = start();
    Expr left = comparison();
    while (is("IS")) {
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

  private Expr comparison() {
    int start = start();
    Expr left = predicate();
    while (true) {
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
    Expr left = bits();
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
      Expr high = predicate();
      return new Expr.Op(
          since(start), negated ? "NOT BETWEEN" : "BETWEEN", List.of(left, low, high));
    }
    if (operator.is("LIKE") || operator.is("REGEXP") || operator.is("RLIKE")) {
      skipNot(negated);
      next();
      List<Expr> operands = new ArrayList<>(List.of(left, bits()));
      if (operator.is("LIKE") && skip("ESCAPE")) {
        operands.add(unary());
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

  private Expr bits() {
    return binary(this::bitAnd, "|");
  }

  private Expr bitAnd() {
    return binary(this::shift, "&");
  }

  private Expr shift() {
    return binary(this::sum, "<<", ">>");
  }

  private Expr sum() {
    return binary(this::product, "+", "-");
  }

  private Expr product() {
    return binary(this::bitXor, "*", "/", "DIV", "%", "MOD");
  }

  private Expr bitXor() {
    return binary(this::unary, "^");
  }

  private Expr binary(Rule operand, String... operators) {
    int start = start();
    Expr left = operand.parse();
    while (isAny(operators)) {
      String operator = upper();
      next();
      Expr right = operand.parse();
      left = new Expr.Op(since(start), operator, List.of(left, right));
    }
    return left;
  }

  private Expr unary() {
    int start = start();
    if (isAny("-", "+", "~", "!", "BINARY")) {
      enter();
      String operator = upper();
      next();
      Expr operand = unary();
      leave();
      return signed(since(start), operator, operand);
    }
    return collated();
  }

  private static Expr signed(Span span, String operator, Expr operand) {
    if (operator.equals("+")) {
      return operand instanceof Expr.Literal literal && literal.value() instanceof Number
          ? new Expr.Literal(span, literal.value(), literal.known())
          : new Expr.Op(span, "+", List.of(operand));
    }
    if (operator.equals("-") && operand instanceof Expr.Literal literal && literal.known()) {
      Object value = literal.value();
      if (value instanceof Long number) {
        return new Expr.Literal(span, Math.negateExact(number), true);
      }
      if (value instanceof BigInteger number) {
        BigInteger negative = number.negate();
        Object narrow = negative.bitLength() < Long.SIZE ? (Object) negative.longValue() : negative;
        return new Expr.Literal(span, narrow, true);
      }
      if (value instanceof BigDecimal number) {
        return new Expr.Literal(span, number.negate(), true);
      }
      if (value instanceof Double number) {
        return new Expr.Literal(span, -number, true);
      }
    }
    return new Expr.Op(span, operator, List.of(operand));
  }

  private Expr collated() {
    int start = start();
    Expr expr = primary();
    while (true) {
      if (skip("COLLATE")) {
        String collation = next().value().toLowerCase(Locale.ROOT);
        expr = new Expr.Op(since(start), "COLLATE " + collation, List.of(expr));
      } else if (isAny("->", "->>")) {
        String operator = next().value();
        expr = new Expr.Op(since(start), operator, List.of(expr, primary()));
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
        return new Expr.Literal(since(start), number(token.value()), true);
      }
      case BITS -> {
        next();
        return new Expr.Literal(since(start), null, false);
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

  private static Object number(String digits) {
    if (digits.indexOf('e') >= 0 || digits.indexOf('E') >= 0) {
      return Double.valueOf(digits);
    }
    if (digits.indexOf('.') >= 0) {
      return new BigDecimal(digits.endsWith(".") ? digits + "0" : digits);
    }
    BigInteger integer = new BigInteger(digits);
    return integer.bitLength() < Long.SIZE ? (Object) integer.longValue() : integer;
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
    String first = name().value();
    if (!skip(".")) {
      return new Expr.Name(since(start), null, first);
    }
    Token second = next();
    if ((second.kind() != Token.Kind.WORD && second.kind() != Token.Kind.QUOTED) || is(".")) {
      throw new RefusedSqlException(RefusalCode.SYNTAX, "a column named with its schema: " + first);
    }
    return new Expr.Name(since(start), first, second.value());
  }

  /** What words of the language begin; null if this one begins nothing of its own. */
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

  private Expr temporal(int start) {
    boolean date = is("DATE");
    boolean time = is("TIME");
    next();
    String text = next().value();
    try {
      Object value = time ? null : date ? KeyValue.date(text) : KeyValue.dateTime(text);
      return new Expr.Literal(since(start), value, value != null);
    } catch (DateTimeException e) {
      return new Expr.Literal(since(start), null, false);
    }
  }

  private Expr cases(int start) {
    expect("CASE");
    List<Expr> conditions = new ArrayList<>();
    List<Expr> results = new ArrayList<>();
    boolean base = !is("WHEN");
    if (base) {
      conditions.add(expr());
    }
    while (skip("WHEN")) {
      conditions.add(expr());
      expect("THEN");
      results.add(expr());
    }
    if (results.isEmpty()) {
      throw unexpected();
    }
    boolean otherwise = skip("ELSE");
    if (otherwise) {
      results.add(expr());
    }
    expect("END");
    Span span = since(start);
    // The results alone give it its type.
    return new Expr.Op(
        span,
        "CASE",
        List.of(
            new Expr.Op(span, base ? "BASE WHEN" : "WHEN", conditions),
            new Expr.Op(span, otherwise ? "THEN ELSE" : "THEN", results)));
  }

  private Expr cast(int start) {
    boolean convert = is("CONVERT");
    next();
    expect("(");
    Expr operand = expr();
    if (convert && skip("USING")) {
      String charset = next().value().toLowerCase(Locale.ROOT);
      expect(")");
      return new Expr.Op(since(start), "CONVERT USING " + charset, List.of(operand));
    }
    expect(convert ? "," : "AS");
    String type = type();
    expect(")");
    return new Expr.Op(since(start), "CAST " + type, List.of(operand));
  }

  /** A type in upper case, such as {@code CHAR ( 3 )}. */
  private String type() {
    if (token().kind() != Token.Kind.WORD) {
      throw unexpected();
    }
    StringBuilder type = new StringBuilder(upper());
    next();
    while (!is(")")) {
      if (skip("(")) {
        type.append(" (");
        while (token().kind() == Token.Kind.NUMBER || is(",")) {
          type.append(' ').append(next().value());
        }
        expect(")");
        type.append(" )");
      } else if (token().kind() == Token.Kind.WORD) {
        type.append(' ').append(upper());
        next();
      } else {
        throw unexpected();
      }
    }
    return type.toString();
  }

  private Expr interval(int start) {
    expect("INTERVAL");
    Expr count = expr();
    if (token().kind() != Token.Kind.WORD || !token().value().matches("[A-Za-z_]+")) {
      throw unexpected();
    }
    String unit = upper();
    next();
    return new Expr.Op(since(start), "INTERVAL " + unit, List.of(count));
  }

  private Expr match(int start) {
    next();
    expect("(");
    List<Expr> operands = new ArrayList<>(exprs());
    expect(")");
    expect("AGAINST", "(");
    operands.add(bits());
    while (!is(")")) {
      if (token().kind() != Token.Kind.WORD) {
        throw unexpected();
      }
      next();
    }
    expect(")");
    return new Expr.Call(since(start), "MATCH", false, false, operands);
  }

  private Expr call(int start) {
    String name = upper();
    next();
    expect("(");
    boolean distinct = skip("DISTINCT");
    List<Expr> arguments = arguments(name);
    expect(")");
    boolean over = skip("OVER");
    if (over) {
      arguments.addAll(window());
    }
    return new Expr.Call(since(start), name, distinct, over, arguments);
  }

  private List<Expr> arguments(String name) {
    List<Expr> arguments = new ArrayList<>();
    if (is(")")) {
      return arguments;
    }
    switch (name) {
      case "COUNT" -> {
        if (skip("*")) {
          return arguments;
        }
      }
      case "EXTRACT" -> {
        next();
        expect("FROM");
      }
      case "TRIM" -> {
        boolean side = skip("BOTH") || skip("LEADING") || skip("TRAILING");
        if (side && skip("FROM")) {
          arguments.add(expr());
          return arguments;
        }
      }
      case "TIMESTAMPDIFF", "TIMESTAMPADD", "GET_FORMAT" -> {
        next();
        expect(",");
      }
      case "POSITION" -> {
        arguments.add(bits());
        expect("IN");
      }
      default -> {}
    }
    arguments.addAll(exprs());
    while (!is(")")) {
      restOfArguments(arguments);
    }
    return arguments;
  }

  private void restOfArguments(List<Expr> arguments) {
    if (skip("FROM") || skip("FOR")) {
      arguments.add(expr());
    } else if (skip("SEPARATOR") || skip("USING")) {
      next();
    } else if (isSequence("ORDER", "BY")) {
      order().forEach(item -> arguments.add(item.expr()));
    } else if (skip("AS") || skip("RETURNING")) {
      type();
    } else {
      throw unexpected();
    }
  }

  /** What a window names, its frame left out. */
  private List<Expr> window() {
    List<Expr> named = new ArrayList<>();
    if (!skip("(")) {
      name();
      return named;
    }
    if (token().isName() && !is("PARTITION") && !isAny("ROWS", "RANGE", "GROUPS")) {
      next();
    }
    if (skip("PARTITION", "BY")) {
      named.addAll(exprs());
    }
    if (isSequence("ORDER", "BY")) {
      order().forEach(item -> named.add(item.expr()));
    }
    if (isAny("ROWS", "RANGE", "GROUPS")) {
      while (!is(")")) {
        if (token().kind() != Token.Kind.WORD && token().kind() != Token.Kind.NUMBER) {
          throw unexpected();
        }
        next();
      }
    }
    expect(")");
    return named;
  }
}
