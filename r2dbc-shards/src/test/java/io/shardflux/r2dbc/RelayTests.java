package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.netty.DisposableServer;
import reactor.netty.tcp.TcpServer;
import reactor.test.StepVerifier;

class RelayTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final int SILENCE_MILLIS = 300;

  private final AtomicInteger received = new AtomicInteger();
  private final DisposableServer echo =
      TcpServer.create()
          .host("127.0.0.1")
          .port(0)
          .handle(
              (in, out) ->
                  out.sendByteArray(
                      in.receive()
                          .asByteArray()
                          .doOnNext(bytes -> received.addAndGet(bytes.length))))
          .bindNow(BOUND);
  private final Relay relay = Relay.to("127.0.0.1", echo.port());

  @AfterEach
  void close() {
    relay.close();
    echo.disposeNow(BOUND);
  }

  @Test
  void passesBothWays() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      assertThat(echoed(socket, 2)).isEqualTo(2);
      assertThat(relay.connections()).isEqualTo(1);
    }
    awaitNoConnections();
  }

  @Test
  void passesMoreThanABufferInOrder() throws IOException {
    byte[] sent = new byte[1 << 20];
    for (int i = 0; i < sent.length; i++) {
      sent[i] = (byte) (i * 31 / 8);
    }
    try (Socket socket = connect()) {
      Thread sender =
          new Thread(
              () -> {
                try {
                  socket.getOutputStream().write(sent);
                } catch (IOException e) {
                  // The reader misses the bytes.
                }
              });
      sender.start();
      assertThat(socket.getInputStream().readNBytes(sent.length)).isEqualTo(sent);
    }
  }

  @Test
  void aConnectionThatLostBytesStaysSilent() throws IOException {
    try (Socket lossy = connect();
        Socket idle = connect()) {
      assertThat(echoed(lossy, 1)).isEqualTo(1);
      assertThat(echoed(idle, 1)).isEqualTo(1);
      relay.drop();
      assertSilent(lossy);
      try (Socket newcomer = connect()) {
        assertSilent(newcomer);
      }
      relay.pass();
      assertSilent(lossy);
      assertThat(echoed(idle, 2)).isEqualTo(2);
      assertThat(received).hasValue(3);
      try (Socket newcomer = connect()) {
        assertThat(echoed(newcomer, 3)).isEqualTo(3);
      }
    }
    awaitNoConnections();
  }

  @Test
  void aServersEndIsNotToldWhileBytesAreDropped() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      relay.drop();
      echo.disposeNow(BOUND);
      assertSilent(socket);
    }
    awaitNoConnections();
  }

  @Test
  void newConnectionsAloneAreDropped() throws IOException {
    try (Socket old = connect()) {
      assertThat(echoed(old, 1)).isEqualTo(1);
      relay.dropNew();
      assertThat(echoed(old, 2)).isEqualTo(2);
      try (Socket newcomer = connect()) {
        assertSilent(newcomer);
      }
    }
  }

  @Test
  void aDelayHoldsBytesUntilItIsOver() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      relay.delay(Duration.ofMillis(200));
      long begun = System.nanoTime();
      assertThat(echoed(socket, 2)).isEqualTo(2);
      assertThat(Duration.ofNanos(System.nanoTime() - begun))
          .isGreaterThanOrEqualTo(Duration.ofMillis(400));

      relay.delay(Duration.ofHours(1));
      assertSilent(socket);
      relay.pass();
      assertThat(socket.getInputStream().read()).isZero();
    }
  }

  @Test
  void resetsOpenAndNewConnections() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      relay.reset();
      assertThatThrownBy(() -> socket.getInputStream().read())
          .isInstanceOf(SocketException.class)
          .hasMessageContaining("reset");
    }
    assertThatThrownBy(
            () -> {
              try (Socket newcomer = connect()) {
                newcomer.getInputStream().read();
              }
            })
        .isInstanceOf(SocketException.class)
        .hasMessageContaining("reset");
    awaitNoConnections();
    relay.pass();
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 2)).isEqualTo(2);
    }
  }

  @Test
  void aHalfClosedConnectionStillTakesBytes() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      relay.halfClose();
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
      socket.getOutputStream().write(2);
      StepVerifier.create(
              Mono.fromSupplier(received::get)
                  .filter(count -> count == 2)
                  .repeatWhenEmpty(RelayTests::polls))
          .expectNext(2)
          .expectComplete()
          .verify(BOUND);
    }
    awaitNoConnections();
  }

  @Test
  void refusesNewConnectionsAndLeavesOpenOnes() throws IOException {
    try (Socket socket = connect()) {
      assertThat(echoed(socket, 1)).isEqualTo(1);
      relay.refuse();
      assertThatThrownBy(this::connect).isInstanceOf(ConnectException.class);
      assertThat(echoed(socket, 2)).isEqualTo(2);
      relay.pass();
      try (Socket newcomer = connect()) {
        assertThat(echoed(newcomer, 3)).isEqualTo(3);
      }
    }
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), relay.port());
    socket.setSoTimeout((int) BOUND.toMillis());
    return socket;
  }

  private static int echoed(Socket socket, int value) throws IOException {
    socket.getOutputStream().write(value);
    return socket.getInputStream().read();
  }

  /** Sends a 0, which nothing answers. */
  private static void assertSilent(Socket socket) throws IOException {
    socket.setSoTimeout(SILENCE_MILLIS);
    assertThatThrownBy(() -> echoed(socket, 0)).isInstanceOf(SocketTimeoutException.class);
    socket.setSoTimeout((int) BOUND.toMillis());
  }

  private void awaitNoConnections() {
    StepVerifier.create(
            Mono.fromSupplier(relay::connections)
                .filter(count -> count == 0)
                .repeatWhenEmpty(RelayTests::polls))
        .expectNext(0)
        .expectComplete()
        .verify(BOUND);
  }

  private static Flux<?> polls(Flux<Long> tries) {
    return tries.delayElements(Duration.ofMillis(20)).take(400);
  }
}
