package io.shardflux.api;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One exchange over a bare socket, or several over one that is kept: it sends and reads exactly
 * when it is told to, so that a slow reader is really slow. Every read ends after 60 s at the
 * latest.
 */
public final class RawHttp implements Closeable {

  private static final int BOUND_MILLIS = 60_000;
  private static final int RECEIVE_BUFFER = 64 * 1024;
  private static final Pattern LENGTH = Pattern.compile("(?i)content-length: (\\d+)");

  private final Socket socket = new Socket();
  private final InputStream in;
  private final OutputStream out;
  private int chunkLeft;

  private RawHttp(int port) throws IOException {
    // Small, so that what was sent but not read stays little.
    socket.setReceiveBufferSize(RECEIVE_BUFFER);
    socket.setSoTimeout(BOUND_MILLIS);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), BOUND_MILLIS);
    in = new BufferedInputStream(socket.getInputStream(), RECEIVE_BUFFER);
    out = socket.getOutputStream();
  }

  public static RawHttp get(int port, String path) throws IOException {
    RawHttp http = new RawHttp(port);
    http.writeHead("GET " + path + " HTTP/1.1");
    return http;
  }

  /** A connection that is kept, for {@link #ask} and {@link #answer}. */
  static RawHttp kept(int port) throws IOException {
    return new RawHttp(port);
  }

  /** Sends these bytes as they are, though the server may have hung up before their end. */
  void request(byte[] bytes) {
    try {
      out.write(bytes);
    } catch (IOException e) {
      // The answer says why.
    }
  }

  /** The body of an answer with this head. */
  String body(String head) throws IOException {
    Matcher length = LENGTH.matcher(head);
    if (length.find()) {
      byte[] body = in.readNBytes(Integer.parseInt(length.group(1)));
      return new String(body, StandardCharsets.UTF_8);
    }
    if (!head.toLowerCase(Locale.ROOT).contains("transfer-encoding: chunked")) {
      return "";
    }
    StringBuilder body = new StringBuilder();
    for (String line = line(); line != null; line = line()) {
      body.append(line).append('\n');
    }
    return body.toString();
  }

  /** Takes so many bytes as they come, or fewer at the end, at once from the socket. */
  int take(int bytes) throws IOException {
    return socket.getInputStream().readNBytes(bytes).length;
  }

  /** Tells whether the server has closed the connection; waits until it has, or sends something. */
  boolean closed() throws IOException {
    return in.read() < 0;
  }

  /** Asks for all of these at once, before any is answered. */
  void ask(String... paths) throws IOException {
    StringBuilder requests = new StringBuilder();
    for (String path : paths) {
      requests.append("GET ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    write(requests.toString());
  }

  /** The status line and the headers of the next answer, whose body is passed over. */
  String answer() throws IOException {
    String head = head();
    Matcher length = LENGTH.matcher(head);
    if (!length.find()) {
      throw new IOException("no length of the body: " + head);
    }
    in.skipNBytes(Long.parseLong(length.group(1)));
    return head;
  }

  /** Begins an upload; lines are sent by {@link #send} and ended by {@link #end}. */
  static RawHttp upload(int port) throws IOException {
    RawHttp http = new RawHttp(port);
    http.writeHead(
        "POST /users HTTP/1.1", "Content-Type: application/x-ndjson", "Transfer-Encoding: chunked");
    return http;
  }

  void send(String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.write((Integer.toHexString(bytes.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
    out.write(bytes);
    out.write('\r');
    out.write('\n');
  }

  void end() throws IOException {
    write("0\r\n\r\n");
  }

  /** The status line and the headers; to be read before the lines. */
  public String head() throws IOException {
    StringBuilder head = new StringBuilder();
    for (String line = rawLine(); !line.isEmpty(); line = rawLine()) {
      head.append(line).append('\n');
    }
    return head.toString();
  }

  /**
   * The next line of the body, or null at its end.
   *
   * @throws EOFException if the connection was cut before the body's end
   */
  @Nullable
  public String line() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = next(); next != '\n'; next = next()) {
      if (next < 0) {
        return line.size() == 0 ? null : line.toString(StandardCharsets.UTF_8);
      }
      line.write(next);
    }
    return line.toString(StandardCharsets.UTF_8);
  }

  /** Drops the connection at once, as a client that is gone. */
  @Override
  public void close() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  private int next() throws IOException {
    if (chunkLeft == 0) {
      chunkLeft = Integer.parseInt(rawLine(), 16);
      if (chunkLeft == 0) {
        rawLine();
        chunkLeft = -1;
      }
    }
    if (chunkLeft < 0) {
      return -1;
    }
    int next = read();
    if (--chunkLeft == 0) {
      rawLine();
    }
    return next;
  }

  private String rawLine() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = read(); next != '\n'; next = read()) {
      if (next != '\r') {
        line.append((char) next);
      }
    }
    return line.toString();
  }

  private int read() throws IOException {
    int next = in.read();
    if (next < 0) {
      throw new EOFException("the connection was cut");
    }
    return next;
  }

  private void writeHead(String... lines) throws IOException {
    write(String.join("\r\n", lines) + "\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }

  private void write(String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.US_ASCII));
  }
}
