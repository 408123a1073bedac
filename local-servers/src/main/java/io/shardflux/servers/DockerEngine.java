package io.shardflux.servers;

import java.io.IOException;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Tells whether a Docker engine listens here. It asks only the engine's socket, because
 * Testcontainers is loud and slow where there is no engine.
 */
final class DockerEngine {

  private static final int STANDARD_PORT = 2_375;

  private DockerEngine() {}

  static boolean listens() {
    return endpoints().stream().anyMatch(DockerEngine::accepts);
  }

  private static List<URI> endpoints() {
    String named = System.getenv("DOCKER_HOST");
    if (named != null && !named.isBlank()) {
      return List.of(URI.create(named.strip()));
    }
    List<Path> sockets = new ArrayList<>();
    sockets.add(Path.of("/var/run/docker.sock"));
    String home = System.getProperty("user.home");
    sockets.add(Path.of(home, ".docker", "run", "docker.sock"));
    sockets.add(Path.of(home, ".docker", "desktop", "docker.sock"));
    String runtime = System.getenv("XDG_RUNTIME_DIR");
    if (runtime != null && !runtime.isBlank()) {
      sockets.add(Path.of(runtime, "docker.sock"));
    }
    return sockets.stream()
        .map(socket -> URI.create("unix://" + socket.toUri().getRawPath()))
        .toList();
  }

  static boolean accepts(URI endpoint) {
    return switch (String.valueOf(endpoint.getScheme())) {
      case "unix" -> acceptsLocally(Path.of(endpoint.getPath()));
      case "tcp", "http", "https" -> acceptsRemotely(endpoint);
      case "npipe" -> Files.exists(Path.of("\\\\.\\pipe\\docker_engine"));
      default -> false;
    };
  }

  private static boolean acceptsLocally(Path socket) {
    if (Files.notExists(socket)) {
      return false;
    }
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      return channel.isConnected();
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  private static boolean acceptsRemotely(URI endpoint) {
    return endpoint.getHost() != null
        && Ports.accept(
            endpoint.getHost(), endpoint.getPort() < 0 ? STANDARD_PORT : endpoint.getPort());
  }
}
