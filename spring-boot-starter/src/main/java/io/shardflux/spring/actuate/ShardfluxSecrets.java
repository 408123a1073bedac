package io.shardflux.spring.actuate;

import io.shardflux.router.Internal;
import io.shardflux.spring.property.RouterProperties;
import java.util.List;
import java.util.Locale;
import org.springframework.boot.actuate.endpoint.SanitizableData;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;

/**
 * Masks the passwords of {@code shardflux.*} in the actuator's endpoints, also where these show
 * values. It masks the settings that hold a password, as property, variable or argument. It also
 * masks a value that contains such a setting, as the command line does.
 */
@Internal
public final class ShardfluxSecrets implements SanitizingFunction {

  private static final String PREFIX = RouterProperties.PREFIX;

  /** The ends of names, in the spellings of files and of variables. */
  private static final List<String> SECRETS =
      List.of("url", "password", "operator-token", "operator_token", "operatortoken");

  @Override
  public SanitizableData apply(SanitizableData data) {
    return holdsSecret(data) ? data.withSanitizedValue() : data;
  }

  private static boolean holdsSecret(SanitizableData data) {
    return namesSecret(data.getKey().toLowerCase(Locale.ROOT))
        || (data.getValue() instanceof CharSequence text
            && showsSecret(text.toString().toLowerCase(Locale.ROOT)));
  }

  private static boolean namesSecret(String key) {
    return (key.startsWith(PREFIX + ".") || key.startsWith(PREFIX + "_"))
        && SECRETS.stream().anyMatch(key::endsWith);
  }

  /** The name of such a setting may stand anywhere in the text. */
  private static boolean showsSecret(String text) {
    int named = text.indexOf(PREFIX);
    return named >= 0
        && SECRETS.stream().anyMatch(secret -> text.indexOf(secret, named + PREFIX.length()) >= 0);
  }
}
