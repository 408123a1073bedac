package io.shardflux.servers;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.lifecycle.Startables;
import org.testcontainers.utility.DockerImageName;

/**
 * MySQL in containers. Only this class needs Testcontainers; it is not loaded where that is absent.
 */
final class ContainerServers implements AutoCloseable {

  private static final DockerImageName IMAGE = DockerImageName.parse("mysql:9.7");
  private static final int PORT = 3306;
  private static final Duration START_BOUND = Duration.ofMinutes(5);

  private final List<GenericContainer<?>> containers;

  private ContainerServers(List<GenericContainer<?>> containers) {
    this.containers = containers;
  }

  /** Starts servers, after pulling the image if it is missing. */
  static ContainerServers start(int count) {
    ContainerServers servers =
        new ContainerServers(
            Stream.<GenericContainer<?>>generate(ContainerServers::container)
                .limit(count)
                .toList());
    try {
      Startables.deepStart(servers.containers).get(START_BOUND.toSeconds(), TimeUnit.SECONDS);
      return servers;
    } catch (ExecutionException | TimeoutException e) {
      servers.close();
      throw new IllegalStateException(IMAGE + ": not started within " + START_BOUND, e);
    } catch (InterruptedException e) {
      servers.close();
      Thread.currentThread().interrupt();
      throw new IllegalStateException(IMAGE + ": interrupted", e);
    }
  }

  List<DatabaseServer> servers() {
    return containers.stream()
        .map(one -> new DatabaseServer(one.getHost(), one.getMappedPort(PORT), "root", ""))
        .toList();
  }

  @Override
  public void close() {
    containers.forEach(GenericContainer::stop);
  }

  private static GenericContainer<?> container() {
    return new GenericContainer<>(IMAGE)
        .withEnv("MYSQL_ALLOW_EMPTY_PASSWORD", "yes")
        .withEnv("MYSQL_ROOT_HOST", "%")
        .withTmpFs(Map.of("/var/lib/mysql", "rw"))
        .withCommand("--mysqlx=OFF", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0")
        .withExposedPorts(PORT);
  }
}
