package io.shardflux.spring;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.sql.statement.Hints;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.r2dbc.autoconfigure.ApplicationR2dbcScriptDatabaseInitializer;
import org.springframework.boot.sql.autoconfigure.init.ApplicationScriptDatabaseInitializer;
import org.springframework.boot.sql.autoconfigure.init.ConditionalOnSqlInitialization;
import org.springframework.boot.sql.autoconfigure.init.SqlInitializationProperties;
import org.springframework.boot.sql.init.dependency.DatabaseInitializationDependencyConfigurer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;

/**
 * Runs {@code schema.sql} and {@code data.sql} over the shards, as {@code spring.sql.init} says.
 * Spring does not send a script's comments, so its definitions of tables are permitted on all of
 * their shards without a hint.
 */
@AutoConfiguration(
    after = ShardfluxR2dbcAutoConfiguration.class,
    beforeName =
        "org.springframework.boot.r2dbc.autoconfigure.R2dbcInitializationAutoConfiguration")
@ConditionalOnClass({
  ShardfluxConnectionFactory.class,
  ApplicationR2dbcScriptDatabaseInitializer.class,
  ApplicationScriptDatabaseInitializer.class
})
@ConditionalOnSqlInitialization
@Import(DatabaseInitializationDependencyConfigurer.class)
@EnableConfigurationProperties(SqlInitializationProperties.class)
public final class ShardfluxSqlInitAutoConfiguration {

  @Bean
  @ConditionalOnSingleCandidate(ConnectionFactory.class)
  @ConditionalOnBean(ShardfluxConnectionFactory.class)
  @ConditionalOnMissingBean(ApplicationScriptDatabaseInitializer.class)
  ApplicationR2dbcScriptDatabaseInitializer shardfluxScriptDatabaseInitializer(
      ShardfluxConnectionFactory factory, SqlInitializationProperties properties) {
    return new ShardsInitializer(
        factory.with(Hints.builder().everyShard(true).build()), properties);
  }

  /** Spring asks a factory's URL whether its database is embedded, which this one does not have. */
  private static final class ShardsInitializer extends ApplicationR2dbcScriptDatabaseInitializer {

    ShardsInitializer(ConnectionFactory factory, SqlInitializationProperties properties) {
      super(factory, properties);
    }

    @Override
    protected boolean isEmbeddedDatabase() {
      return false;
    }
  }
}
