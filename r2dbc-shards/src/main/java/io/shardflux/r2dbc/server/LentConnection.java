package io.shardflux.r2dbc.server;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionMetadata;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.ValidationDepth;
import io.r2dbc.spi.Wrapped;
import io.shardflux.r2dbc.statement.SqlTemplate;
import java.time.Duration;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;

/**
 * A connection as its user has it: the driver's, and it is closed when it is given back if its user
 * did anything by which its session may be other than it was.
 */
final class LentConnection implements Connection, Wrapped<Connection> {

  private final Connection connection;
  private final ServerConnections connections;
  private final Function<String, SqlTemplate> templates;

  /**
   * A connection.
   *
   * @param templates what is known of a text
   */
  LentConnection(
      Connection connection,
      ServerConnections connections,
      Function<String, SqlTemplate> templates) {
    this.connection = connection;
    this.connections = connections;
    this.templates = templates;
  }

  private void touched() {
    connections.retire(connection);
  }

  /** Takes a text that is not understood here, or is very long, for one that leaves something. */
  private void text(String sql) {
    boolean touching;
    try {
      touching = templates.apply(sql).touching().contains(connections.dialect());
    } catch (IllegalArgumentException unknown) {
      touching = true;
    }
    if (touching) {
      touched();
    }
  }

  @Override
  public Publisher<Void> beginTransaction() {
    return connection.beginTransaction();
  }

  @Override
  public Publisher<Void> beginTransaction(TransactionDefinition definition) {
    return connections.begin(connection, definition);
  }

  @Override
  public Publisher<Void> close() {
    touched();
    return connection.close();
  }

  @Override
  public Publisher<Void> commitTransaction() {
    return connections.end(connection, Connection::commitTransaction);
  }

  @Override
  public Batch createBatch() {
    return new LentBatch(connection.createBatch());
  }

  @Override
  public Publisher<Void> createSavepoint(String name) {
    return connection.createSavepoint(name);
  }

  @Override
  public Statement createStatement(String sql) {
    text(sql);
    return connection.createStatement(sql);
  }

  @Override
  public boolean isAutoCommit() {
    return connection.isAutoCommit();
  }

  @Override
  public ConnectionMetadata getMetadata() {
    return connection.getMetadata();
  }

  @Override
  public IsolationLevel getTransactionIsolationLevel() {
    return connection.getTransactionIsolationLevel();
  }

  @Override
  public Publisher<Void> releaseSavepoint(String name) {
    return connection.releaseSavepoint(name);
  }

  @Override
  public Publisher<Void> rollbackTransaction() {
    return connections.end(connection, Connection::rollbackTransaction);
  }

  @Override
  public Publisher<Void> rollbackTransactionToSavepoint(String name) {
    return connection.rollbackTransactionToSavepoint(name);
  }

  @Override
  public Publisher<Void> setAutoCommit(boolean autoCommit) {
    touched();
    return connection.setAutoCommit(autoCommit);
  }

  @Override
  public Publisher<Void> setLockWaitTimeout(Duration timeout) {
    touched();
    return connection.setLockWaitTimeout(timeout);
  }

  @Override
  public Publisher<Void> setStatementTimeout(Duration timeout) {
    touched();
    return connection.setStatementTimeout(timeout);
  }

  @Override
  public Publisher<Void> setTransactionIsolationLevel(IsolationLevel level) {
    touched();
    return connection.setTransactionIsolationLevel(level);
  }

  @Override
  public Publisher<Boolean> validate(ValidationDepth depth) {
    return connection.validate(depth);
  }

  /** The driver's own connection. Its further use is not seen. */
  @Override
  public Connection unwrap() {
    touched();
    return connection;
  }

  @Override
  public <E> @Nullable E unwrap(Class<E> type) {
    if (type.isInstance(this)) {
      return type.cast(this);
    }
    return type.isInstance(connection) ? type.cast(unwrap()) : null;
  }

  @Override
  public String toString() {
    return connection.toString();
  }

  private final class LentBatch implements Batch {

    private final Batch batch;

    LentBatch(Batch batch) {
      this.batch = batch;
    }

    @Override
    public Batch add(String sql) {
      text(sql);
      batch.add(sql);
      return this;
    }

    @Override
    public Publisher<? extends Result> execute() {
      return batch.execute();
    }
  }
}
