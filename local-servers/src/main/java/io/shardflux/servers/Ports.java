package io.shardflux.servers;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** TCP ports: a free one, and whether one accepts or greets. */
final class Ports {

  private static final int CONNECT_MILLIS = 2_000;
  private static final int ATTEMPTS = 1_000;

  private Ports() {}

  static boolean accept(String host, int port) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Tells whether a server speaks first, as a database does. A database that is starting hangs up.
   */
  static boolean greets(String host, int port, Duration bound) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
      socket.setSoTimeout(Math.toIntExact(bound.toMillis()));
      return socket.getInputStream().read() >= 0;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * A free port on loopback, below every system's range for outgoing connections. Otherwise a
   * client that connects to a killed server's port could be given that very port to connect from,
   * and keep it from the server.
   */
  static int free() throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      int port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
      if (isFree(port)) {
        return port;
      }
    }
    throw new IOException("no free port between 20000 and 32000");
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (IOException e) {
      return false;
    }
  }
}
