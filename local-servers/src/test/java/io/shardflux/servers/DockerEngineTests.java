package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DockerEngineTests {

  private final Path folder;

  DockerEngineTests(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void anEngineListensOnALocalSocket() throws IOException {
    Path socket = folder.resolve("docker.sock");
    try (ServerSocketChannel engine = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      engine.bind(UnixDomainSocketAddress.of(socket));
      assertThat(DockerEngine.accepts(local(socket))).isTrue();
    }
    assertThat(DockerEngine.accepts(local(socket))).isFalse();
  }

  @Test
  void noEngineIsWhereNoSocketIs() throws IOException {
    assertThat(DockerEngine.accepts(local(folder.resolve("none")))).isFalse();
    assertThat(DockerEngine.accepts(local(Files.createFile(folder.resolve("file"))))).isFalse();
  }

  @Test
  void anEngineListensOnAPort() throws IOException {
    ServerSocket engine = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    URI endpoint = URI.create("tcp://127.0.0.1:" + engine.getLocalPort());
    try (engine) {
      assertThat(DockerEngine.accepts(endpoint)).isTrue();
    }
    assertThat(DockerEngine.accepts(endpoint)).isFalse();
  }

  @Test
  void anUnknownEndpointIsNoEngine() {
    assertThat(DockerEngine.accepts(URI.create("ssh://somewhere"))).isFalse();
    assertThat(DockerEngine.accepts(URI.create("tcp:///"))).isFalse();
    assertThat(DockerEngine.accepts(URI.create("nonsense"))).isFalse();
  }

  private static URI local(Path socket) {
    return URI.create("unix://" + socket.toUri().getRawPath());
  }
}
