package io.shardflux.sql.syntax;

import java.time.DateTimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Parses functions, and other expressions with words in an order of their own. */
abstract class FunctionParser extends Parser {

  FunctionParser(SqlText text) {
    super(text);
  }

  abstract Expr expr();

  /** An expression without comparisons. */
  abstract Expr bits();

  abstract List<Query.OrderItem> order();

  final List<Expr> exprs() {
    List<Expr> exprs = new ArrayList<>();
    do {
      exprs.add(expr());
    } while (skip(","));
    return exprs;
  }

  final Expr cases(int start) {
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

  final Expr cast(int start) {
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

  final Expr interval(int start) {
    expect("INTERVAL");
    Expr count = expr();
    if (count instanceof Expr.Row row) {
      return new Expr.Call(since(start), "INTERVAL", false, false, row.children());
    }
    if (token().kind() != Token.Kind.WORD || !token().value().matches("[A-Za-z_]+")) {
      throw unexpected();
    }
    String unit = upper();
    next();
    return new Expr.Op(since(start), "INTERVAL " + unit, List.of(count));
  }

  final Expr match(int start) {
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

  final Expr call(int start) {
    String name = upper();
    next();
    expect("(");
    boolean distinct = skip("DISTINCT");
    if (Functions.AGGREGATES.contains(name) && (is(")") || (distinct && is("*")))) {
      throw unexpected();
    }
    List<Expr> arguments = new ArrayList<>();
    if (!is(")") && hasMore(name, arguments)) {
      do {
        arguments.add(expr());
      } while (skip(","));
      while (!is(")")) {
        restOfArguments(arguments);
      }
    }
    expect(")");
    boolean over = skip("OVER");
    if (over) {
      arguments.add(window(start(), null));
    }
    return new Expr.Call(since(start), name, distinct, over, arguments);
  }

  /**
   * Takes the words that a function has before its arguments.
   *
   * @return whether there are any arguments behind them
   */
  private boolean hasMore(String name, List<Expr> arguments) {
    switch (name) {
      case "COUNT" -> {
        return !skip("*");
      }
      case "EXTRACT" -> {
        next();
        expect("FROM");
      }
      case "TRIM" -> {
        boolean side = skip("BOTH") || skip("LEADING") || skip("TRAILING");
        if (side && skip("FROM")) {
          arguments.add(expr());
          return false;
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
    return true;
  }

  private void restOfArguments(List<Expr> arguments) {
    if (skip("FROM") || skip("FOR")) {
      arguments.add(expr());
    } else if (skip("SEPARATOR") || skip("USING")) {
      next();
    } else if (isSequence("ORDER", "BY")) {
      order().forEach(item -> arguments.add(item.expr()));
    } else if (is("RETURNING")) {
      int start = start();
      next();
      String type = type();
      arguments.add(new Expr.Op(since(start), "CAST " + type, List.of()));
    } else if (skip("AS")) {
      type();
    } else {
      throw unexpected();
    }
  }

  /**
   * A window, without its frame.
   *
   * @param name its own name, or null
   */
  final Expr.Window window(int start, @Nullable String name) {
    if (!skip("(")) {
      String base = name().value();
      return new Expr.Window(since(start), name, base, List.of(), List.of());
    }
    boolean based = token().isName() && !is("PARTITION") && !isAny("ROWS", "RANGE", "GROUPS");
    String base = based ? next().value() : null;
    List<Expr> partition = skip("PARTITION", "BY") ? exprs() : List.of();
    List<Expr> order = new ArrayList<>();
    if (isSequence("ORDER", "BY")) {
      order().forEach(item -> order.add(item.expr()));
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
    return new Expr.Window(since(start), name, base, partition, order);
  }

  final Expr temporal(int start) {
    boolean date = is("DATE");
    boolean time = is("TIME");
    next();
    String text = next().value();
    try {
      Object value = time ? null : date ? Literals.date(text) : Literals.dateTime(text);
      return new Expr.Literal(since(start), value, value != null);
    } catch (DateTimeException e) {
      return new Expr.Literal(since(start), null, false);
    }
  }
}
