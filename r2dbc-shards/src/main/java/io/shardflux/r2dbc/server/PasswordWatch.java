package io.shardflux.r2dbc.server;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Tells whether a publisher of passwords gives another one than was tried last, so that a server
 * that refused that is not asked in vain. Keeps no password, only a digest of it.
 */
final class PasswordWatch {

  static final Option<Publisher<String>> PUBLISHER = Option.valueOf("passwordPublisher");

  private static final Duration APART = Duration.ofSeconds(1);

  private final byte[] salt = new byte[16];
  private final @Nullable Publisher<String> passwords;
  private volatile byte @Nullable [] tried;

  @SuppressWarnings("unchecked")
  PasswordWatch(ConnectionFactoryOptions options) {
    this.passwords = (Publisher<String>) options.getValue(PUBLISHER);
    new SecureRandom().nextBytes(salt);
  }

  /** The given options, changed so that this watch sees the passwords that are tried. */
  ConnectionFactoryOptions seen(ConnectionFactoryOptions options) {
    return passwords == null
        ? options
        : options
            .mutate()
            .option(PUBLISHER, Mono.from(passwords).doOnNext(password -> tried = digest(password)))
            .build();
  }

  /** Is told once of another password, for which the publisher is asked each second. */
  Mono<Long> changed() {
    Publisher<String> source = passwords;
    return source == null
        ? Mono.never()
        : Flux.interval(APART)
            .onBackpressureDrop()
            // A publisher that fails now is asked again, as the next login asks it.
            .concatMap(tick -> Mono.from(source).onErrorComplete(), 1)
            .filter(password -> !MessageDigest.isEqual(digest(password), tried))
            .next()
            .map(password -> 0L);
  }

  private byte[] digest(String password) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(salt);
      return sha.digest(password.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("SHA-256: missing (expected: what each JDK has)", e);
    }
  }
}
