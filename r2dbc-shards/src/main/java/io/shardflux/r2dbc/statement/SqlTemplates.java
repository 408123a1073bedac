package io.shardflux.r2dbc.statement;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.shardflux.router.Internal;

/**
 * The templates of the texts that were asked for last, so that a text is read once. Thread-safe.
 */
@Internal
public final class SqlTemplates {

  /** In characters or so: long statements are few then, and short ones some thousands. */
  private static final int WEIGHT = 8 << 20;

  private final Cache<String, SqlTemplate> templates =
      Caffeine.newBuilder()
          .maximumWeight(WEIGHT)
          .weigher((String sql, SqlTemplate template) -> template.weight())
          .executor(Runnable::run)
          .build();

  /**
   * The template of a text.
   *
   * @throws IllegalArgumentException as {@link SqlTemplate#of}
   */
  public SqlTemplate of(String sql) {
    return templates.get(sql, SqlTemplate::of);
  }
}
