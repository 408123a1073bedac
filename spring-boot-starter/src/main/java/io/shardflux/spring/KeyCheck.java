package io.shardflux.spring;

import io.shardflux.driver.ShardfluxConnectionFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.ApplicationListener;

/**
 * Logs, once the application is up, the tables by whose keys no statement can go. The start does
 * not wait for it, because an application starts without its shards too.
 */
final class KeyCheck implements ApplicationListener<ApplicationReadyEvent> {

  private static final Logger log = LoggerFactory.getLogger(KeyCheck.class);

  private final ShardfluxConnectionFactory factory;

  KeyCheck(ShardfluxConnectionFactory factory) {
    this.factory = factory;
  }

  @Override
  public void onApplicationEvent(ApplicationReadyEvent event) {
    factory
        .check()
        .subscribe(
            faults -> faults.forEach(KeyCheck::warn),
            error -> log.warn("The tables' keys were not checked: {}", error.toString()));
  }

  /**
   * A fault of a column is of a key. Every other fault begins with the name of a table or shard.
   */
  private static void warn(String fault) {
    boolean column = fault.substring(0, Math.max(0, fault.indexOf(':'))).contains(".");
    log.warn(column ? "No SQL goes by the key {}" : "Tables: {}", fault);
  }
}
