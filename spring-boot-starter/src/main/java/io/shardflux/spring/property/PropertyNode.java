package io.shardflux.spring.property;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.origin.Origin;

/**
 * A key of {@code shardflux.*} with what the sources say of it and below it. Two keys are one if
 * they have the same letters and digits. Names of the user's own are spelled as files and the like
 * spell them; an environment variable reaches them by letters and digits.
 */
final class PropertyNode {

  /** Keys with names of the user's own below them. */
  private static final Set<String> NAMING =
      Set.of(
          "shards",
          "tables",
          "strategies",
          "credentials",
          "key",
          "inside",
          "tenants",
          "regions",
          "weights",
          "listed");

  /** Keys with a list. Two sources are not combined into a third list. */
  private static final Set<String> LISTS =
      Set.of("shards", "replicas", "ranges", "slottable", "countries", "rotation", "key");

  /**
   * A value that one source says.
   *
   * @param rank of the source; the lowest is the one that counts
   * @param environment whether it is a variable of the environment
   */
  record Said(int rank, boolean environment, Object value, @Nullable Origin origin) {}

  private final String name;
  private final boolean named;
  private final Map<String, PropertyNode> children = new LinkedHashMap<>();
  private final List<Said> said = new ArrayList<>();

  private PropertyNode(String name, boolean named) {
    this.name = name;
    this.named = named;
  }

  static PropertyNode root() {
    return new PropertyNode("", false);
  }

  String name() {
    return name;
  }

  List<PropertyNode> children() {
    return List.copyOf(children.values());
  }

  /**
   * Takes in a value below this key.
   *
   * @throws IllegalArgumentException if a variable may mean either of two names
   */
  void add(List<String> steps, Said value) {
    PropertyNode node = this;
    for (String step : steps) {
      node = node.child(step, value.environment());
    }
    node.said.add(value);
    node.said.sort(Comparator.comparingInt(Said::rank));
  }

  private PropertyNode child(String step, boolean environment) {
    List<PropertyNode> same =
        children.containsKey(step) || (named && !environment)
            ? Stream.ofNullable(children.get(step)).toList()
            : children.values().stream().filter(child -> child.isLike(step)).toList();
    if (same.size() > 1) {
      throw new IllegalArgumentException(
          same.get(0).name
              + ": as "
              + same.get(1).name
              + " to an environment variable (expected: names that differ in letters or digits)");
    }
    return same.isEmpty() ? made(step) : same.get(0);
  }

  private PropertyNode made(String step) {
    PropertyNode child = new PropertyNode(step, !named && NAMING.contains(uniform(step)));
    children.put(step, child);
    return child;
  }

  boolean isLike(String step) {
    return uniform(name).equals(uniform(step));
  }

  private static String uniform(String step) {
    StringBuilder uniform = new StringBuilder();
    step.codePoints().filter(Character::isLetterOrDigit).forEach(uniform::appendCodePoint);
    return uniform.toString().toLowerCase(Locale.ROOT);
  }

  @Nullable PropertyNode get(String key) {
    return children.values().stream().filter(child -> child.isLike(key)).findFirst().orElse(null);
  }

  void remove(PropertyNode child) {
    children.remove(child.name);
  }

  boolean isEmpty() {
    return children.isEmpty() && said.isEmpty();
  }

  /** All values of this key and below, those of this key first. */
  Stream<Said> all() {
    return Stream.concat(said.stream(), children.values().stream().flatMap(PropertyNode::all));
  }

  /** The value that counts; null if only the keys below have values. */
  @Nullable Said value() {
    if (said.isEmpty()) {
      return null;
    }
    Said first = said.get(0);
    boolean overrides =
        !first.environment()
            && children.values().stream()
                .flatMap(PropertyNode::all)
                .allMatch(below -> first.rank() < below.rank());
    return children.isEmpty() || overrides ? first : null;
  }

  /**
   * Keeps of each list what its first source says, because lists do not add up. A variable may
   * still add to an element that a file has.
   */
  void settleLists() {
    if (!children.isEmpty() && LISTS.contains(uniform(name)) && isNumbered()) {
      boolean values = children.values().stream().allMatch(child -> child.children.isEmpty());
      int first =
          all()
              .filter(one -> values || !one.environment())
              .mapToInt(Said::rank)
              .min()
              .orElse(Integer.MAX_VALUE);
      keep(one -> one.rank() == first || (!values && one.environment()));
    }
    children.values().forEach(PropertyNode::settleLists);
  }

  private boolean isNumbered() {
    return children.keySet().stream()
        .allMatch(key -> key.chars().allMatch(digit -> digit >= '0' && digit <= '9'));
  }

  private void keep(Predicate<Said> kept) {
    children
        .values()
        .forEach(
            child -> {
              child.said.removeIf(kept.negate());
              child.keep(kept);
            });
    children.values().removeIf(PropertyNode::isEmpty);
  }
}
