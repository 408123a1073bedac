package io.shardflux.publication;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/**
 * A module's POM.
 *
 * @param folder the module's
 */
record Pom(Path folder, Element root) {

  /** The folder of the whole project. */
  static final Path PROJECT = Path.of("..").toAbsolutePath().normalize();

  static Pom of(Path folder) {
    return new Pom(folder, parse(folder.resolve("pom.xml")));
  }

  static Pom ofProject() {
    return of(PROJECT);
  }

  static Element parse(Path file) {
    try {
      File xml = file.toFile();
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(xml)
          .getDocumentElement();
    } catch (IOException | ParserConfigurationException | SAXException e) {
      throw new IllegalStateException(file + ": " + e.getMessage(), e);
    }
  }

  /** All modules, in the order of the build's list. */
  static List<Pom> modules() {
    return texts(ofProject().root(), "modules", "module")
        .map(module -> of(PROJECT.resolve(module)))
        .toList();
  }

  /** Those whose jars are for others. */
  static List<Pom> published() {
    return modules().stream().filter(module -> module.isJar() && !module.isKept()).toList();
  }

  private boolean isJar() {
    return texts(root, "packaging").noneMatch("pom"::equals);
  }

  private boolean isKept() {
    return texts(root, "properties", "maven.deploy.skip").anyMatch("true"::equals);
  }

  String artifactId() {
    return texts(root, "artifactId").findFirst().orElseThrow();
  }

  /** That of the project, or the module's own where it has no parent. */
  String version() {
    return Stream.concat(texts(root, "version"), texts(root, "parent", "version"))
        .findFirst()
        .orElseThrow();
  }

  Path jar() {
    return jar("");
  }

  Path javadoc() {
    return jar("-javadoc");
  }

  private Path jar(String classifier) {
    return folder.resolve("target").resolve(artifactId() + "-" + version() + classifier + ".jar");
  }

  boolean hasClasses() {
    return Files.isDirectory(folder.resolve("src/main/java"));
  }

  /** The texts of elements on a path below one. */
  static Stream<String> texts(Element element, String... path) {
    Stream<Element> at = Stream.of(element);
    for (String name : path) {
      at = at.flatMap(each -> children(each, name));
    }
    return at.map(each -> each.getTextContent().strip());
  }

  static Stream<Element> children(Element element, String name) {
    NodeList nodes = element.getChildNodes();
    return IntStream.range(0, nodes.getLength())
        .mapToObj(nodes::item)
        .filter(node -> node.getNodeType() == Node.ELEMENT_NODE && node.getNodeName().equals(name))
        .map(Element.class::cast);
  }
}
