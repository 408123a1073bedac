package io.shardflux.reshard;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/**
 * Sends this process a signal right before it sends a statement to a server: the driver logs each
 * of them then.
 */
final class AtStatement {

  /** The driver's logger of statements. */
  private static final String STATEMENTS = "io.asyncer.r2dbc.mysql.QUERY";

  /** Each router polls this table, whatever else it does. */
  private static final String POLL = "shardflux_control WHERE id";

  private static final int OTHERS = Integer.MAX_VALUE;

  private final AtomicInteger left = new AtomicInteger(OTHERS);
  private final Consumer<String> told;
  private volatile String signal = "KILL";

  /**
   * Counts statements from now on.
   *
   * @param told gets a line with the statement right before the signal
   */
  AtStatement(Consumer<String> told) {
    this.told = told;
    UnsynchronizedAppenderBase<ILoggingEvent> counting =
        new UnsynchronizedAppenderBase<>() {
          @Override
          protected void append(ILoggingEvent event) {
            String text = event.getFormattedMessage();
            if (left.get() != OTHERS && !text.contains(POLL) && left.decrementAndGet() == 0) {
              signalled(text);
            }
          }
        };
    counting.start();
    Logger statements = (Logger) LoggerFactory.getLogger(STATEMENTS);
    statements.setLevel(Level.DEBUG);
    statements.setAdditive(false);
    statements.addAppender(counting);
  }

  /**
   * Has the process get a signal at a statement.
   *
   * @param statements the number of statements up to that one, from 1
   */
  void order(String name, int statements) {
    signal = name;
    left.set(statements);
  }

  void spare() {
    left.set(OTHERS);
  }

  private void signalled(String text) {
    String line = text.replaceAll("\\s+", " ");
    told.accept("dying " + line.substring(0, Math.min(line.length(), 120)));
    signal(signal, ProcessHandle.current().pid());
    left.set(OTHERS);
  }

  static void signal(String name, long process) {
    try {
      new ProcessBuilder("kill", "-" + name, Long.toString(process)).inheritIO().start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
