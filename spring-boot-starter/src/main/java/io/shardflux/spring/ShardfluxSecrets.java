package io.shardflux.spring;

import java.util.Locale;
import java.util.regex.Pattern;
import org.springframework.boot.actuate.endpoint.SanitizableData;
import org.springframework.boot.actuate.endpoint.SanitizingFunction;

/**
 * Masks the passwords of {@code shardflux.*} in the actuator's endpoints also where these show
 * values: the settings that hold one, as property, variable or argument, and what has such a
 * setting inside, as the command line has.
 */
final class ShardfluxSecrets implements SanitizingFunction {

  private static final Pattern KEY = Pattern.compile("shardflux[._].*(url|password)");
  private static final Pattern VALUE =
      Pattern.compile("shardflux.*(url|password)", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

  @Override
  public SanitizableData apply(SanitizableData data) {
    return holdsSecret(data) ? data.withSanitizedValue() : data;
  }

  private static boolean holdsSecret(SanitizableData data) {
    return KEY.matcher(data.getKey().toLowerCase(Locale.ROOT)).matches()
        || (data.getValue() instanceof CharSequence text && VALUE.matcher(text).find());
  }
}
