package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Contender.Way;
import java.io.EOFException;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.PrintStream;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A contender in a JVM of its own, which does one task after the other until this is closed. Tasks
 * go in by its standard input and figures come back by its standard output.
 */
final class ContenderProcess implements AutoCloseable {

  private static final long GOODBYE_SECONDS = 30;

  private final Way way;
  private final Process process;
  private final ObjectOutputStream tasks;
  private final ObjectInputStream answers;

  /** The contender that the other side must become. */
  private record Start(Way way, List<Endpoint> shards) implements Serializable {}

  /** Figures or an error; neither of them says that the other side is ready. */
  private record Answer(@Nullable Figures figures, @Nullable String error)
      implements Serializable {}

  /**
   * Starts the process; returns when it is ready.
   *
   * @param heap the heap of the JVM, such as {@code 512m}: its initial size and its maximum
   */
  ContenderProcess(Way way, List<Endpoint> shards, String heap) throws IOException {
    this.way = way;
    this.process = java("-Xms" + heap, "-Xmx" + heap, ContenderProcess.class.getName());
    this.tasks = new ObjectOutputStream(process.getOutputStream());
    tell(new Start(way, List.copyOf(shards)));
    this.answers = new ObjectInputStream(process.getInputStream());
    answer();
  }

  /** Starts a JVM like this one. It inherits this JVM's standard error. */
  static Process java(String... arguments) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"));
    builder.command().addAll(List.of(arguments));
    return builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  Way way() {
    return way;
  }

  /** Has the process do a task. */
  Figures perform(Task task) throws IOException {
    tell(task);
    Figures figures = answer().figures();
    if (figures == null) {
      throw new IllegalStateException(way + ", " + task + ": no figures");
    }
    return figures;
  }

  @Override
  public void close() throws IOException {
    end(process);
  }

  /** Tells the process that no task follows, and waits for its end. */
  static void end(Process process) throws IOException {
    try {
      process.getOutputStream().close();
      if (!process.waitFor(GOODBYE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroyForcibly();
    }
  }

  private void tell(Serializable what) throws IOException {
    tasks.writeObject(what);
    tasks.flush();
  }

  private Answer answer() throws IOException {
    Answer answer;
    try {
      answer = (Answer) answers.readObject();
    } catch (EOFException e) {
      throw new IOException(way + ": its process ended; see what it said", e);
    } catch (ClassNotFoundException e) {
      throw new IOException(e);
    }
    if (answer.error() != null) {
      throw new IllegalStateException(way + ": " + answer.error());
    }
    return answer;
  }

  /** The other side. What libraries print must not get between the answers. */
  public static void main(String[] args) throws IOException, ClassNotFoundException {
    PrintStream out = System.out;
    System.setOut(System.err);
    try (ObjectOutputStream answers = new ObjectOutputStream(out);
        ObjectInputStream tasks = new ObjectInputStream(System.in)) {
      Start start = (Start) tasks.readObject();
      try (Contender contender = start.way().open(start.shards())) {
        serve(contender, tasks, answers);
      } catch (RuntimeException | Error e) {
        e.printStackTrace();
        answers.writeObject(new Answer(null, e.toString()));
      }
    } finally {
      // Threads of libraries may be left.
      System.exit(0);
    }
  }

  private static void serve(
      Contender contender, ObjectInputStream tasks, ObjectOutputStream answers)
      throws IOException, ClassNotFoundException {
    Meter meter = new Meter();
    answers.writeObject(new Answer(null, null));
    answers.flush();
    try {
      while (true) {
        Task task = (Task) tasks.readObject();
        answers.writeObject(new Answer(meter.measure(() -> contender.perform(task)), null));
        answers.flush();
      }
    } catch (EOFException e) {
      // The parent has nothing more to do, or is gone.
    }
  }
}
