package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Each jar is a module with a name of its own, and has its packages for itself. */
@Tag("same-on-any-server")
class JarsIntegrationTests {

  private static final String NAME = "Automatic-Module-Name";

  private static List<Path> jars() {
    return Pom.modules().stream().filter(Pom::hasClasses).map(Pom::jar).toList();
  }

  @Test
  void eachHasTheNameOfItsPackages() {
    assertThat(jars()).hasSizeGreaterThan(7);
    assertThat(jars())
        .allSatisfy(
            jar -> {
              String name = name(jar);
              assertThat(name).startsWith("io.shardflux.");
              assertThat(packages(jar))
                  .isNotEmpty()
                  .allMatch(each -> each.equals(name) || each.startsWith(name + "."));
            });
    assertThat(jars().stream().map(JarsIntegrationTests::name)).doesNotHaveDuplicates();
  }

  @Test
  void noPackageIsInTwo() {
    Map<String, Set<Path>> places = new TreeMap<>();
    for (Path jar : jars()) {
      packages(jar).forEach(each -> places.computeIfAbsent(each, key -> new TreeSet<>()).add(jar));
    }
    assertThat(places).containsKey("io.shardflux.r2dbc.scatter");
    assertThat(places).allSatisfy((name, in) -> assertThat(in).as(name).hasSize(1));
  }

  @Test
  void eachBeginsWithTheProjectsName() {
    assertThat(jars()).allMatch(jar -> jar.getFileName().toString().startsWith("shardflux-"));
  }

  private static String name(Path path) {
    try (JarFile jar = new JarFile(path.toFile())) {
      return String.valueOf(jar.getManifest().getMainAttributes().getValue(NAME));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Set<String> packages(Path path) {
    try (JarFile jar = new JarFile(path.toFile())) {
      Set<String> packages = new TreeSet<>();
      jar.stream()
          .map(JarEntry::getName)
          .filter(entry -> entry.endsWith(".class") && entry.contains("/"))
          .forEach(
              entry -> packages.add(entry.substring(0, entry.lastIndexOf('/')).replace('/', '.')));
      return packages;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
