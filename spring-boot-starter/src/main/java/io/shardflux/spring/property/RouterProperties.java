package io.shardflux.spring.property;

import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.properties.bind.PropertySourcesPlaceholdersResolver;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName.Form;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.boot.origin.Origin;
import org.springframework.core.env.CommandLinePropertySource;
import org.springframework.core.env.Environment;
import org.springframework.core.env.PropertiesPropertySource;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.util.ClassUtils;

/**
 * The properties {@code shardflux.*} as a router's document. Not thread-safe.
 *
 * <p>Spring Boot's binder makes maps of them too, but it has no class to go by. To the binder,
 * {@code max-size} and {@code MAXSIZE} are therefore two keys, and so are a name and the variable
 * that means it.
 */
@Internal
public final class RouterProperties {

  public static final String PREFIX = "shardflux";

  private static final Logger log = LoggerFactory.getLogger(RouterProperties.class);
  private static final ConfigurationPropertyName NAME = ConfigurationPropertyName.of(PREFIX);

  /**
   * Keys that are no settings of the router: database servers on this machine, for tests and first
   * runs, and an application on top.
   */
  private static final Set<String> OTHERS = Set.of("servers", "api");

  /** Keys without which there can be neither shards nor ids. */
  private static final Set<String> TELLING = Set.of("url", "shard");

  /** Keys of which each one means a shared topology. */
  private static final Set<String> OF_CONTROL =
      Set.of(
          "url",
          "username",
          "password",
          "cluster",
          "poll",
          "lease",
          "publish",
          "create-tables",
          "credentials");

  private static final String CLUSTER_ROUTER = "io.shardflux.cluster.ClusterRouter";

  private static final String CONTROL = "control";
  private static final Set<String> TOP = Set.of("shards", "tables", "strategies");

  private final Environment environment;
  private final PropertySourcesPlaceholdersResolver placeholders;
  private @Nullable PropertyNode root;

  public RouterProperties(Environment environment) {
    this.environment = environment;
    this.placeholders = new PropertySourcesPlaceholdersResolver(environment);
  }

  /** Tells whether a key is set by more than variables of other programs. */
  public boolean have(String key) {
    PropertyNode node = root().get(key);
    return node != null
        && (node.all().anyMatch(said -> !said.environment())
            || (key.equals(CONTROL) ? has(node, OF_CONTROL) : tells(node)));
  }

  private static boolean has(PropertyNode node, Set<String> keys) {
    return node.children().stream().anyMatch(child -> keys.stream().anyMatch(child::isLike));
  }

  /**
   * Refuses a shared topology that no class on the class path can open.
   *
   * @throws InvalidSettingException if {@code control} is set
   */
  public void checkCluster(@Nullable ClassLoader loader) {
    if (have(CONTROL) && !ClassUtils.isPresent(CLUSTER_ROUTER, loader)) {
      throw refused(
          "control: set without the module that shares a topology (expected:"
              + " io.shardflux:shardflux-topology-store among the dependencies, or no control)");
    }
  }

  private static boolean tells(PropertyNode node) {
    return has(node, TELLING) || node.children().stream().anyMatch(RouterProperties::tells);
  }

  /**
   * The result of reading the document. A key that is not a setting and that only the environment
   * has is ignored: a service of the name {@code shardflux} puts a dozen such variables there in
   * Kubernetes.
   *
   * @throws InvalidSettingException if a setting is refused
   */
  public <T> T read(Function<Map<String, Object>, T> reading) {
    checked(
        () -> {
          checkNames();
          return true;
        });
    while (true) {
      try {
        return reading.apply(document());
      } catch (IllegalArgumentException e) {
        String message = String.valueOf(e.getMessage());
        PropertyPath path = PropertyPath.of(root(), message);
        if (!path.isForeign()) {
          throw refused(message);
        }
        log.warn(
            "Passed over, as there is no such setting: {} (expected: the name of a setting in"
                + " capitals, without its dashes, as SHARDFLUX_POOL_MAXSIZE)",
            path.origin());
        path.remove();
      }
    }
  }

  /** Adds the place of the setting to a refusal of the router. */
  public <T> T checked(Supplier<T> step) {
    try {
      return step.get();
    } catch (IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage()));
    }
  }

  /** A refusal of the router, with the place of the setting that it begins with. */
  public InvalidSettingException refused(String message) {
    return new InvalidSettingException(message, PropertyPath.of(root(), message).origin());
  }

  public Map<String, Object> document() {
    return map(root(), "");
  }

  private Map<String, Object> map(PropertyNode node, String path) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (PropertyNode child : node.children()) {
      String below = path.isEmpty() ? child.name() : path + "." + child.name();
      PropertyNode.Said said = child.value();
      map.put(child.name(), said == null ? map(child, below) : resolved(said.value(), below));
    }
    return map;
  }

  private Object resolved(Object value, String path) {
    try {
      Object resolved = placeholders.resolvePlaceholders(value);
      return resolved == null ? "" : resolved;
    } catch (IllegalArgumentException e) {
      // Its message quotes the value.
      throw new IllegalArgumentException(
          path + ": not shown (expected: placeholders that can be replaced)");
    }
  }

  /** Two names that no variable can tell apart are a mistake in one of them. */
  private void checkNames() {
    for (PropertyNode top : root().children()) {
      if (TOP.stream().anyMatch(top::isLike)) {
        checkNames(top.name(), top);
      }
      PropertyNode accounts = top.isLike(CONTROL) ? top.get("credentials") : null;
      if (accounts != null) {
        checkNames(top.name() + "." + accounts.name(), accounts);
      }
    }
  }

  private static void checkNames(String path, PropertyNode named) {
    List<PropertyNode> names = named.children();
    for (int i = 0; i < names.size(); i++) {
      for (int j = 0; j < i; j++) {
        if (names.get(i).isLike(names.get(j).name())) {
          throw new IllegalArgumentException(
              path
                  + "."
                  + names.get(i).name()
                  + ": the same as "
                  + names.get(j).name()
                  + " (expected: names that differ in letters or digits, as no others reach an"
                  + " environment variable)");
        }
      }
    }
  }

  private PropertyNode root() {
    if (root == null) {
      root = gathered();
    }
    return root;
  }

  /**
   * Sources that say how names are spelled come first, then the environment, each with its rank.
   */
  private PropertyNode gathered() {
    PropertyNode gathered = PropertyNode.root();
    for (boolean variables : new boolean[] {false, true}) {
      int rank = 0;
      for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
        boolean variable = source.getUnderlyingSource() instanceof SystemEnvironmentPropertySource;
        if (variable == variables && source instanceof IterableConfigurationPropertySource names) {
          gather(names, rank, variable, gathered);
        }
        rank++;
      }
    }
    gathered.settleLists();
    return gathered;
  }

  private static void gather(
      IterableConfigurationPropertySource source, int rank, boolean variable, PropertyNode root) {
    for (ConfigurationPropertyName name : inOrder(source)) {
      ConfigurationProperty property = source.getConfigurationProperty(name);
      if (property != null && !OTHERS.contains(name.getElement(1, Form.UNIFORM))) {
        Object value = property.getValue();
        Origin origin = property.getOrigin();
        List<String> steps = new ArrayList<>();
        for (int i = 1; i < name.getNumberOfElements(); i++) {
          steps.add(name.getElement(i, Form.ORIGINAL));
        }
        root.add(steps, new PropertyNode.Said(rank, variable, value, origin));
      }
    }
  }

  /**
   * The names of the source. They are sorted where the source has them in no order, because the
   * first shard has a meaning of its own.
   */
  private static List<ConfigurationPropertyName> inOrder(
      IterableConfigurationPropertySource source) {
    Stream<ConfigurationPropertyName> names = source.stream().filter(NAME::isAncestorOf);
    Object under = source.getUnderlyingSource();
    boolean unordered =
        under instanceof SystemEnvironmentPropertySource
            || under instanceof CommandLinePropertySource<?>
            || under instanceof PropertiesPropertySource;
    return unordered ? names.sorted().toList() : names.toList();
  }
}
