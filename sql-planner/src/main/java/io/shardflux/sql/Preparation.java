package io.shardflux.sql;

import io.shardflux.sql.ahead.AheadPlanner;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.NamedColumns;
import io.shardflux.sql.analysis.OwnDatabase;
import io.shardflux.sql.gather.GatherPlanner;
import io.shardflux.sql.gather.WritePlanner;
import io.shardflux.sql.prepare.ChangePreparation;
import io.shardflux.sql.prepare.DefinitionPreparation;
import io.shardflux.sql.prepare.InsertPreparation;
import io.shardflux.sql.prepare.ReadPreparation;
import io.shardflux.sql.prepare.StatementPlan;
import io.shardflux.sql.schema.Copies;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.syntax.HintReader;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import io.shardflux.sql.syntax.StatementParser;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Analyses one text. */
final class Preparation {

  private final Schema schema;
  private final PlannerOptions options;
  private final SqlText read;
  private final SqlText text;
  private final Analysis analysis;
  private final boolean named;
  private final boolean apart;

  /** Whether the analysis ended early, so that more tables than it knows may be named. */
  private boolean ended;

  /**
   * Of a text.
   *
   * @param apart whether each shard's groups are rows of their own
   */
  Preparation(String sql, Schema schema, PlannerOptions options, boolean apart) {
    this(sql, false, schema, options, apart);
  }

  /**
   * Of a text.
   *
   * @param named whether its columns were named by {@link NamedColumns}
   */
  private Preparation(
      String sql, boolean named, Schema schema, PlannerOptions options, boolean apart) {
    this.named = named;
    this.apart = apart;
    this.schema = schema;
    this.options = options;
    this.read = SqlText.read(sql, options);
    this.text = read.parsed();
    this.analysis = new Analysis(schema, text);
  }

  Prepared prepare() {
    Statement statement = null;
    try {
      StatementParser.Parsed parsed = StatementParser.parsed(read);
      if (!parsed.schemas().isEmpty()) {
        String plain = new OwnDatabase(text, schema).without(parsed);
        return new Preparation(plain, schema, options, apart).prepare();
      }
      statement = parsed.statement();
      String named = new NamedColumns(text, schema).of(statement);
      if (named != null) {
        Preparation again = new Preparation(named, true, schema, options, apart);
        return again.prepared(again.plan(StatementParser.parse(again.read)), false);
      }
      return prepared(plan(statement), statement instanceof Statement.Definition);
    } catch (RefusedSqlException e) {
      if (e.code() == RefusalCode.TOO_LARGE || e.code() == RefusalCode.HINT) {
        throw e;
      }
      ended = true;
      return prepared(refused(e, statement), statement instanceof Statement.Definition);
    }
  }

  /** The plan of a statement that is refused before it is known where it would go. */
  private StatementPlan refused(RefusedSqlException refusal, @Nullable Statement statement) {
    StatementPlan refused = StatementPlan.refused(refusal);
    if (WritePlanner.plans(refusal) && !(statement instanceof Statement.Read)) {
      return refused.or(new WritePlanner(text, schema).plan(statement));
    }
    return statement instanceof Statement.Read read && GatherPlanner.gathers(refusal)
        ? refused.or(
            new AheadPlanner(text, schema, options).plan(read.query()),
            new GatherPlanner(text, schema).plan(read.query()))
        : refused;
  }

  private StatementPlan plan(Statement statement) {
    if (statement instanceof Statement.Read read) {
      return new ReadPreparation(text, schema, options, analysis, apart).plan(read.query());
    }
    if (statement instanceof Statement.Insert insert) {
      return new InsertPreparation(text, schema, analysis).plan(insert);
    }
    if (statement instanceof Statement.Update update) {
      return new ChangePreparation(text, schema, analysis).plan(update);
    }
    if (statement instanceof Statement.Delete delete) {
      return new ChangePreparation(text, schema, analysis).plan(delete);
    }
    if (statement instanceof Statement.Definition definition) {
      return new DefinitionPreparation(text, schema, analysis).plan(definition);
    }
    return session();
  }

  private StatementPlan session() {
    analysis.volatility().takeSession();
    Routing anywhere = new Routing.Anywhere();
    return new StatementPlan(
        StatementKind.OTHER, binds -> anywhere, StatementPlan.refusing(sessionRefusal()));
  }

  private Prepared prepared(StatementPlan plan, boolean defines) {
    String keyTable = analysis.keyTable();
    boolean tells =
        plan.kind() == StatementKind.READ
            && analysis.tables().isEmpty()
            && analysis.volatility().onlyTells();
    return new Prepared(
        new Prepared.Statements(
            plan.kind(),
            text.markers(),
            analysis.uuids().orders(),
            holdUuids() ? analysis.uuids().texts() : null,
            HintReader.read(text.hint(), keyTable == null ? null : schema.sharded(keyTable)),
            Set.copyOf(analysis.tables()),
            new Copies(schema.topology(), analysis.tables()),
            analysis.volatility().usesSession() && !tells ? sessionRefusal() : null,
            analysis.volatility().readsSession(),
            named,
            defines,
            tells,
            keyTable,
            SqlWriter.whole(text, analysis.sources()),
            plan.router(),
            plan.several(),
            plan.ahead(),
            plan.gather(),
            plan.queried(),
            plan.gather() == null ? null : new Inlining(text, schema, options, plan.gather())),
        schema.catalog(),
        text);
  }

  /** Tells whether a key of the statement's tables may hold UUIDs as bytes. */
  private boolean holdUuids() {
    Set<String> tables = ended ? schema.topology().tables().keySet() : analysis.tables();
    return tables.stream()
        .map(schema::sharded)
        .anyMatch(
            rule -> rule != null && rule.key().stream().anyMatch(part -> part.uuid() != null));
  }

  private static RefusedSqlException sessionRefusal() {
    return new RefusedSqlException(RefusalCode.SESSION_STATE, "a statement of its session's");
  }
}
