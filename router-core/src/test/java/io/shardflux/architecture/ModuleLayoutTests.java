package io.shardflux.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every module that is listed has a test by the list, with the packages that are there. */
class ModuleLayoutTests {

  private static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

  @ParameterizedTest
  @EnumSource(ModuleLayout.class)
  void eachModuleIsTested(ModuleLayout layout) throws IOException {
    Path test = module(layout).resolve("src/test/java").resolve(path(layout.root));
    assertThat(Files.readString(test.resolve("ArchitectureTests.java")))
        .contains("extends ModuleRules", "super(ModuleLayout." + layout.name() + ")");
  }

  @ParameterizedTest
  @EnumSource(ModuleLayout.class)
  void eachPackageIsListed(ModuleLayout layout) throws IOException {
    Path sources = module(layout).resolve("src/main/java").resolve(path(layout.root));
    assertThat(folders(sources)).containsExactlyInAnyOrderElementsOf(layout.rooms);
  }

  private static List<String> folders(Path sources) throws IOException {
    try (Stream<Path> all = Files.list(sources)) {
      return all.filter(Files::isDirectory).map(each -> each.getFileName().toString()).toList();
    }
  }

  private static Path module(ModuleLayout layout) throws IOException {
    try (Stream<Path> all = Files.list(PROJECT)) {
      return all.filter(
              each -> Files.isDirectory(each.resolve("src/main/java").resolve(path(layout.root))))
          .findFirst()
          .orElseThrow();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static String path(String root) {
    return String.join("/", Arrays.asList(root.split("\\.")));
  }
}
