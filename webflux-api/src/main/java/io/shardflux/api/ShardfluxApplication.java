package io.shardflux.api;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** The application. */
@SpringBootApplication
public class ShardfluxApplication {

  /** Starts it. */
  public static void main(String[] args) {
    SpringApplication.run(ShardfluxApplication.class, args);
  }
}
