package io.shardflux.spring.property;

import io.shardflux.router.Internal;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.origin.Origin;
import org.springframework.boot.origin.OriginProvider;

/** Reports that the router refuses a property {@code shardflux.*}. Has no secret, nor a cause. */
@Internal
public final class InvalidSettingException extends RuntimeException implements OriginProvider {

  private final transient @Nullable Origin origin;

  /**
   * @param message as {@code name: value (expected: …)}, the name without the prefix
   * @param origin where the setting stands, null if that is not known
   */
  InvalidSettingException(String message, @Nullable Origin origin) {
    super(message);
    this.origin = origin;
  }

  @Override
  public @Nullable Origin getOrigin() {
    return origin;
  }
}
