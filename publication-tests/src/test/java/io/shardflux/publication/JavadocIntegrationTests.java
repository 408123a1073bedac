package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The pages of the API, which only a build of the release profile makes. */
@Tag("same-on-any-server")
class JavadocIntegrationTests {

  private static List<Path> jars() {
    return Pom.published().stream()
        .filter(Pom::hasClasses)
        .map(Pom::javadoc)
        .filter(Files::exists)
        .toList();
  }

  @Test
  void noPageShowsWhatIsInternal() {
    List<Path> jars = jars();
    assumeThat(jars).isNotEmpty();
    assertThat(jars).allSatisfy(jar -> assertThat(pagesOfInternals(jar)).isEmpty());
  }

  /** The pages of types or members that have the annotation, which javadoc shows with them. */
  private static SortedSet<String> pagesOfInternals(Path path) {
    SortedSet<String> pages = new TreeSet<>();
    try (JarFile jar = new JarFile(path.toFile())) {
      for (JarEntry entry :
          jar.stream().filter(each -> each.getName().endsWith(".html")).toList()) {
        String page = new String(jar.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
        if (page.contains("@Internal")) {
          pages.add(entry.getName());
        }
      }
      return pages;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
