package io.shardflux.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.BitSet;
import reactor.core.publisher.Flux;
import reactor.netty.http.client.HttpClient;

/**
 * An HTTP client in a JVM of its own that reads lines as fast as it can, and looks whether each
 * user is in them once. Its standard input takes URLs; its standard output gives for each how many
 * users there were and the last line.
 */
final class LineClient implements AutoCloseable {

  private static final Duration BOUND = Duration.ofMinutes(5);

  private final Process process;
  private final BufferedReader answers;

  LineClient() throws IOException {
    this.process = ContenderProcess.java("-Xmx128m", LineClient.class.getName());
    this.answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  /** The number of users that a URL gave, a space, and the last line. */
  String read(String url) throws IOException {
    process.getOutputStream().write((url + "\n").getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("client: ended; see what it said");
    }
    return answer;
  }

  @Override
  public void close() throws IOException {
    ContenderProcess.end(process);
  }

  /** The other side. */
  public static void main(String[] args) throws IOException {
    HttpClient http = HttpClient.create();
    BufferedReader urls =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String url = urls.readLine(); url != null; url = urls.readLine()) {
      Lines lines = new Lines();
      Flux<byte[]> body = http.get().uri(url).responseContent().asByteArray();
      body.doOnNext(lines::take).then().block(BOUND);
      System.out.println(lines.users() + " " + lines.last());
    }
    System.exit(0);
  }

  /** Takes lines as they come, in pieces. */
  static final class Lines {

    private static final byte[] USER = "{\"id\":".getBytes(StandardCharsets.US_ASCII);
    private static final int LONGEST = 1024;

    private final BitSet seen = new BitSet();
    private final byte[] line = new byte[LONGEST];
    private int length;
    private int lastLength;
    private long users;

    void take(byte[] piece) {
      for (byte next : piece) {
        if (next == '\n') {
          end();
        } else {
          line[length++] = next;
        }
      }
    }

    /** The number of lines with a user; no user came twice. */
    long users() {
      return users;
    }

    /** The last complete line. */
    String last() {
      return new String(line, 0, lastLength, StandardCharsets.UTF_8);
    }

    private void end() {
      if (isUser()) {
        int id = 0;
        for (int i = USER.length; line[i] >= '0' && line[i] <= '9'; i++) {
          id = id * 10 + line[i] - '0';
        }
        if (seen.get(id)) {
          throw new IllegalStateException("twice: user " + id);
        }
        seen.set(id);
        users++;
      }
      lastLength = length;
      length = 0;
    }

    private boolean isUser() {
      if (length <= USER.length) {
        return false;
      }
      for (int i = 0; i < USER.length; i++) {
        if (line[i] != USER[i]) {
          return false;
        }
      }
      return true;
    }
  }
}
