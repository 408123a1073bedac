package io.shardflux.api;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.env.Environment;

/**
 * Serves users over HTTP, on the shards that the configuration names, otherwise on embedded
 * servers.
 */
@SpringBootApplication
public class ShardfluxApplication {

  private static final Logger log = LoggerFactory.getLogger(ShardfluxApplication.class);

  /**
   * Starts the application.
   *
   * @param args as Spring Boot takes them
   */
  public static void main(String[] args) {
    SpringApplication.run(ShardfluxApplication.class, args);
  }

  @EventListener
  void ready(ApplicationReadyEvent event) {
    Environment environment = event.getApplicationContext().getEnvironment();
    log.info(
        "Ready, try: curl -N http://localhost:{}/users",
        environment.getProperty("local.server.port"));
  }
}
