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

  /** What the other side is to be. */
  private record Start(Way way, List<Endpoint> shards) implements Serializable {}

  /** One of the two; both are missing once the other side is ready. */
  private record Answer(@Nullable Figures figures, @Nullable String error)
      implements Serializable {}

  /**
   * Starts it; back when it is ready.
   *
   * @param heap of the JVM, as {@code 512m}; it has it from the start and gets no more
   */
  ContenderProcess(Way way, List<Endpoint> shards, String heap) throws IOException {
    this.way = way;
    this.process = java("-Xms" + heap, "-Xmx" + heap, ContenderProcess.class.getName());
    this.tasks = new ObjectOutputStream(process.getOutputStream());
    tell(new Start(way, List.copyOf(shards)));
    this.answers = new ObjectInputStream(process.getInputStream());
    answer();
  }

  /** A JVM like this one, with these arguments. Its errors go where those of this one go. */
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

  /** Lets it do a task. */
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

  /** Tells it that nothing more comes, and waits until it has ended. */
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
