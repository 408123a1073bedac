package io.shardflux.spring;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.origin.Origin;
import org.springframework.core.env.Environment;

/** The properties {@code shardflux.*} as a router's document. */
final class RouterProperties {

  static final String PREFIX = "shardflux";

  /** Names database servers on this machine, for tests and first runs; it is not the router's. */
  private static final String LOCAL_SERVERS = "servers";

  private final Environment environment;

  RouterProperties(Environment environment) {
    this.environment = environment;
  }

  boolean have(String key) {
    return document().containsKey(key);
  }

  Map<String, Object> document() {
    Map<String, Object> document =
        new LinkedHashMap<>(
            Binder.get(environment)
                .bind(PREFIX, Bindable.mapOf(String.class, Object.class))
                .orElse(Map.of()));
    document.remove(LOCAL_SERVERS);
    return document;
  }

  /** What the router refuses of them, it refuses with where it stands. */
  <T> T checked(Supplier<T> step) {
    try {
      return step.get();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      throw new InvalidSettingException(message, origin(message));
    }
  }

  private @Nullable Origin origin(String message) {
    int end = message.indexOf(": ");
    if (end < 0) {
      return null;
    }
    ConfigurationPropertyName name =
        ConfigurationPropertyName.adapt(PREFIX + "." + message.substring(0, end), '.');
    return StreamSupport.stream(ConfigurationPropertySources.get(environment).spliterator(), false)
        .map(source -> source.getConfigurationProperty(name))
        .filter(property -> property != null)
        .map(ConfigurationProperty::getOrigin)
        .filter(origin -> origin != null)
        .findFirst()
        .orElse(null);
  }
}
