package io.shardflux.publication;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

/** The BOM names what is published, and nothing else. */
@Tag("same-on-any-server")
class BomIntegrationTests {

  private final Pom bom = Pom.of(Pom.PROJECT.resolve("bom"));

  private List<Element> named() {
    return Pom.children(bom.root(), "dependencyManagement")
        .flatMap(managed -> Pom.children(managed, "dependencies"))
        .flatMap(list -> Pom.children(list, "dependency"))
        .toList();
  }

  @Test
  void namesEachPublishedModule() {
    assertThat(named())
        .map(each -> Pom.texts(each, "artifactId").findFirst().orElseThrow())
        .containsExactlyInAnyOrderElementsOf(Pom.published().stream().map(Pom::artifactId).toList())
        .contains("shardflux-router-core", "shardflux-r2dbc-driver")
        .doesNotContain("shardflux-webflux-api", "shardflux-benchmarks");
  }

  @Test
  void namesThemInTheProjectsVersion() {
    assertThat(named())
        .allMatch(each -> Pom.texts(each, "version").anyMatch("${project.version}"::equals))
        .allMatch(each -> Pom.texts(each, "groupId").anyMatch("io.shardflux"::equals));
    assertThat(Pom.modules()).extracting(Pom::version).containsOnly(Pom.ofProject().version());
  }

  @Test
  void hasNoParent() {
    assertThat(Pom.children(bom.root(), "parent")).isEmpty();
  }
}
