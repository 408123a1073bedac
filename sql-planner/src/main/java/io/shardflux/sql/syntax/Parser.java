package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Walks the tokens. Text that isn't foreseen is refused with its place. */
abstract class Parser {

  /**
   * The depth to which expressions, queries and sources may be nested. A query in another's
   * expression counts twice. A thread of 256 kB has room for that.
   */
  private static final int MAX_DEPTH = 68;

  /**
   * The number of operators that may follow one another, each with what is before it as operand.
   */
  private static final int MAX_CHAIN = 2_000;

  private final SqlText text;
  private final List<Token> tokens;
  private int at;
  private int depth;
  private final List<SchemaName> schemas = new ArrayList<>();

  Parser(SqlText text) {
    this.text = text;
    this.tokens = text.tokens();
  }

  final SqlText text() {
    return text;
  }

  final Token token() {
    return tokens.get(at);
  }

  final Token token(int ahead) {
    return tokens.get(Math.min(at + ahead, tokens.size() - 1));
  }

  final Token next() {
    Token token = token();
    if (token.kind() != Token.Kind.END) {
      at++;
    }
    return token;
  }

  final boolean is(String value) {
    return token().is(value);
  }

  final boolean isAny(String... values) {
    for (String value : values) {
      if (is(value)) {
        return true;
      }
    }
    return false;
  }

  /** Tells whether these tokens come next. */
  final boolean isSequence(String... values) {
    for (int i = 0; i < values.length; i++) {
      if (!token(i).is(values[i])) {
        return false;
      }
    }
    return true;
  }

  /** Steps over these tokens if they come next. */
  final boolean skip(String... values) {
    if (!isSequence(values)) {
      return false;
    }
    at += values.length;
    return true;
  }

  final void expect(String... values) {
    if (!skip(values)) {
      throw unexpected();
    }
  }

  final Token name() {
    if (!token().isName()) {
      throw unexpected();
    }
    return next();
  }

  /**
   * A name behind a dot, which may be a word of the language.
   *
   * @param before what stands before the dot
   */
  final Token named(Token before) {
    Token name = next();
    if (name.kind() != Token.Kind.WORD && name.kind() != Token.Kind.QUOTED) {
      throw SqlText.unexpected(text.text(), before.start());
    }
    return name;
  }

  /** Takes note of a name that stands behind its database's. */
  final void ofSchema(Token schema, Token name) {
    schemas.add(
        new SchemaName(schema.value(), name.value(), new Span(schema.start(), name.start())));
  }

  /** The names that stood behind their database's so far. */
  final List<SchemaName> schemas() {
    return schemas;
  }

  /** The name after {@code AS}, or without it where one stands. */
  final @Nullable String alias() {
    boolean as = skip("AS");
    if (token().isName() || (token().kind() == Token.Kind.STRING)) {
      return next().value();
    }
    if (as) {
      throw unexpected();
    }
    return null;
  }

  final String upper() {
    return token().value().toUpperCase(Locale.ROOT);
  }

  final RefusedSqlException unexpected() {
    return token().kind() == Token.Kind.END
        ? new RefusedSqlException(RefusalCode.SYNTAX, "at the end of the text")
        : SqlText.unexpected(text.text(), token().start());
  }

  final int start() {
    return token().start();
  }

  /** The span from a start to the end of the last token that was taken. */
  final Span since(int start) {
    return new Span(start, at == 0 ? start : Math.max(start, tokens.get(at - 1).end()));
  }

  final void enter() {
    if (++depth > MAX_DEPTH) {
      throw new RefusedSqlException(RefusalCode.TOO_LARGE, "expressions too deep in each other");
    }
  }

  final void leave() {
    depth--;
  }

  /** Refuses a chain of too many operators, which a server has no stack for either. */
  static void checkChain(int operators) {
    if (operators > MAX_CHAIN) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + MAX_CHAIN + " operators in a chain");
    }
  }
}
