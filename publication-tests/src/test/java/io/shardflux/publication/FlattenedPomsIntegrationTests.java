package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;

/** Published POMs stand by themselves, and have all that Maven Central asks for. */
@Tag("same-on-any-server")
class FlattenedPomsIntegrationTests {

  static Stream<Path> published() {
    return Stream.concat(
        Stream.of(Pom.PROJECT.resolve("bom")), Pom.published().stream().map(Pom::folder));
  }

  @ParameterizedTest
  @MethodSource("published")
  void leavesNothingToBeFilledIn(Path module) throws IOException {
    assertThat(Files.readString(flattened(module))).doesNotContain("${").doesNotContain("<parent>");
  }

  @ParameterizedTest
  @MethodSource("published")
  void saysWhatCentralAsksFor(Path module) {
    Element pom = Pom.parse(flattened(module));
    assertThat(Stream.of("name", "description", "url"))
        .allMatch(each -> Pom.texts(pom, each).anyMatch(text -> !text.isEmpty()));
    assertThat(Pom.texts(pom, "licenses", "license", "url")).hasSize(1);
    assertThat(Pom.texts(pom, "developers", "developer", "name")).isNotEmpty();
    assertThat(Pom.texts(pom, "scm", "connection")).allMatch(text -> text.startsWith("scm:"));
    assertThat(Pom.texts(pom, "scm", "url")).hasSize(1);
  }

  @ParameterizedTest
  @MethodSource("published")
  void namesAVersionOfEachDependency(Path module) {
    Element pom = Pom.parse(flattened(module));
    Stream<Element> own =
        Pom.children(pom, "dependencies").flatMap(list -> Pom.children(list, "dependency"));
    assertThat(own)
        .allMatch(each -> Pom.texts(each, "version").anyMatch(text -> !text.isEmpty()))
        .noneMatch(each -> Pom.texts(each, "scope").anyMatch("test"::equals));
  }

  private static Path flattened(Path module) {
    return module.resolve("target/flattened-pom.xml");
  }
}
