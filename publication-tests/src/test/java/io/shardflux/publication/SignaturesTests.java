package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Classes that a module is compiled against are compared by what other classes see of them. */
class SignaturesTests {

  private static final String USED =
      """
      public class Used {
        public static final int LIMIT = 7;
        private int hidden;
        public int call(int one) { return one; }
        int near() { return 1; }
        public sealed interface Shape permits Round {}
        public record Round(int size) implements Shape {}
      }
      """;

  @TempDir private static Path tool = Path.of("");
  @TempDir private Path place = Path.of("");

  @BeforeAll
  static void compileTool() {
    compile(tool, Pom.PROJECT.resolve("src/build/Signatures.java"), javaClassPath());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "return one; -> return one + 1;",
        "return one; -> Runnable r = () -> {}; return one;",
        "return one; -> new Object() {}; return one;",
        "return one; -> class Here {} return one;",
        "return one; -> return java.util.Map.entry(1, one).getValue();",
        "private int hidden; -> ",
        "private int hidden; -> private long other; private void more() {}",
        "return one; -> assert one > 0; return one;",
      })
  void changesInsideKeepTheUsersOfAClass(String change) throws Exception {
    assertThat(isKeptAfter(change)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "call(int one) -> call(Integer one)",
        "public int call -> public long call",
        "public int call -> public @Deprecated int call",
        "int near() -> private int near()",
        "int near() -> void other() {} int near()",
        "LIMIT = 7 -> LIMIT = 8",
        "private int hidden; -> int seen;",
        "Round(int size) -> Round(long size)",
        "public class Used { -> public class Used implements Runnable { public void run() {}",
        "call(int one) { -> call(int one) throws java.io.IOException {",
        "permits Round {} -> permits Round, Square {} public record Square() implements Shape {}",
        "public class Used -> public final class Used",
      })
  void changesOfWhatIsSeenForgetThem(String change) throws Exception {
    assertThat(isKeptAfter(change)).isFalse();
  }

  private boolean isKeptAfter(String change) throws Exception {
    Path used = place.resolve("used/target/classes");
    write(USED);
    Path user = user();
    look(user, used);
    Files.writeString(user, "compiled");
    look(user, used);
    assertThat(user).exists();
    String[] parts = change.split(" -> ?", 2);
    assertThat(USED).contains(parts[0]);
    write(USED.replace(parts[0], parts[1]));
    look(user, used);
    return Files.exists(user);
  }

  private Path user() throws IOException {
    return Files.createDirectories(place.resolve("user/target/classes")).resolve("User.class");
  }

  private void write(String source) throws IOException {
    Path classes = place.resolve("used/target/classes");
    if (Files.exists(classes)) {
      try (Stream<Path> files = Files.list(classes)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
    }
    compile(
        Files.createDirectories(classes),
        Files.writeString(place.resolve("Used.java"), source),
        "");
  }

  private static void compile(Path classes, Path source, String classPath) {
    int result =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-nowarn",
                "-proc:none",
                "-d",
                classes.toString(),
                "-cp",
                classPath,
                source.toString());
    assertThat(result).as(source.toString()).isZero();
  }

  private static String javaClassPath() {
    return String.valueOf(System.getProperty("java.class.path"));
  }

  /** Does what the build does before it compiles the user. */
  private static void look(Path user, Path uses) throws Exception {
    URL[] at = {tool.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(at)) {
      Object task = loader.loadClass("Signatures").getConstructor().newInstance();
      task.getClass()
          .getMethod("setOutput", String.class)
          .invoke(task, String.valueOf(user.getParent()));
      task.getClass().getMethod("setUses", String.class).invoke(task, uses.toString());
      task.getClass().getMethod("execute").invoke(task);
    }
  }
}
