package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The build refuses a change of the API and nothing else: Maven compares jars made here, as the
 * project's POM says.
 */
@Tag("same-on-any-server")
class ApiChangesIntegrationTests {

  /** Below the module, so that the project's POM can be named as the parent. */
  private static final Path PLACE = Path.of("target/api").toAbsolutePath();

  private static final String INTERNAL =
      """
      package io.shardflux.router;
      @java.lang.annotation.Retention(java.lang.annotation.RetentionPolicy.CLASS)
      public @interface Internal {}
      """;
  private static final String API = "package a; public class Api { public void call(%s) {} }";
  private static final String INSIDE =
      "package a; @io.shardflux.router.Internal public class Inside { public void call(%s) {} }";
  private static final String MEMBER =
      """
      package a;
      public class Mixed { @io.shardflux.router.Internal public void call(%s) {} }
      """;

  @BeforeEach
  void writePom() throws IOException {
    Files.createDirectories(PLACE);
    Files.writeString(
        PLACE.resolve("pom.xml"),
        """
        <project xmlns="http://maven.apache.org/POM/4.0.0">
          <modelVersion>4.0.0</modelVersion>
          <parent>
            <groupId>io.shardflux</groupId>
            <artifactId>shardflux</artifactId>
            <version>%s</version>
            <relativePath>../../../pom.xml</relativePath>
          </parent>
          <artifactId>fixture</artifactId>
          <properties><module.name>a</module.name></properties>
          <build>
            <plugins>
              <plugin>
                <groupId>com.github.siom79.japicmp</groupId>
                <artifactId>japicmp-maven-plugin</artifactId>
                <configuration>
                  <oldVersion><file><path>${old}</path></file></oldVersion>
                  <newVersion><file><path>${new}</path></file></newVersion>
                </configuration>
              </plugin>
            </plugins>
          </build>
        </project>
        """
            .formatted(Pom.ofProject().version()));
  }

  @Test
  void aBrokenApiFails() throws Exception {
    Path before = jar("before", "", "", "");
    String output = compare(before, jar("broken-api", "int more", "", ""), 1);
    assertThat(output).contains("a.Api").contains("BUILD FAILURE");
  }

  @Test
  void brokenInternalsPass() throws Exception {
    Path before = jar("before", "", "", "");
    String output = compare(before, jar("broken-internals", "", "int more", "int more"), 0);
    assertThat(output).contains("japicmp").contains("BUILD SUCCESS");
  }

  private static String compare(Path before, Path after, int expected) throws Exception {
    String home = Objects.requireNonNull(System.getProperty("maven.home"));
    String repository = Objects.requireNonNull(System.getProperty("maven.repo.local"));
    Path log = PLACE.resolve(after.getFileName() + ".log");
    ProcessBuilder maven =
        new ProcessBuilder(
                home + "/bin/mvn",
                "-o",
                "-B",
                "-Dmaven.repo.local=" + repository,
                "-Dold=" + before,
                "-Dnew=" + after,
                "jar:jar",
                "japicmp:cmp")
            .directory(PLACE.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    maven.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = maven.start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String output = Files.readString(log);
    assertThat(process.exitValue()).as(output).isEqualTo(expected);
    return output;
  }

  /** A jar of an API type, an internal one, and one with an internal member. */
  private static Path jar(String name, String api, String inside, String member)
      throws IOException {
    Path classes = Files.createDirectories(PLACE.resolve(name));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    List<Source> sources =
        List.of(
            new Source("io/shardflux/router/Internal", INTERNAL),
            new Source("a/Api", API.formatted(api)),
            new Source("a/Inside", INSIDE.formatted(inside)),
            new Source("a/Mixed", MEMBER.formatted(member)));
    List<String> options = List.of("-d", classes.toString(), "--release", "17", "-proc:none");
    assertThat(compiler.getTask(null, null, null, options, null, sources).call()).isTrue();
    Path jar = PLACE.resolve(name + ".jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new ZipEntry(classes.relativize(file).toString().replace('\\', '/')));
        Files.copy(file, out);
      }
    }
    return jar;
  }

  private static final class Source extends SimpleJavaFileObject {

    private final String text;

    Source(String name, String text) {
      super(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
      return text;
    }
  }
}
