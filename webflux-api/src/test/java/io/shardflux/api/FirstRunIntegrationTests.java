package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The application without any configuration but for where its data goes. */
@Tag("same-on-any-server")
final class FirstRunIntegrationTests {

  @Test
  void hasAThousandUsersOnThreeServersAndKeepsThem(@TempDir Path folder) throws IOException {
    try (TestApplication first = run(folder)) {
      assertThat(summary(first))
          .contains("\"answered\":3")
          .contains("\"rows\":1000,\"complete\":true");
      first.client().delete().uri("/users/1000").exchange().expectStatus().isNoContent();
    }
    assertThat(folder).isDirectoryContaining("glob:**server-2");
    try (TestApplication second = run(folder)) {
      assertThat(summary(second))
          .contains("\"answered\":3")
          .contains("\"rows\":999,\"complete\":true");
    }
  }

  private static TestApplication run(Path folder) {
    return TestApplication.with("server.port=0", "shardflux.servers.data=" + folder);
  }

  private static String summary(TestApplication application) throws IOException {
    try (RawHttp http = RawHttp.get(application.port(), "/users")) {
      http.head();
      String last = "";
      for (String line = http.line(); line != null; line = http.line()) {
        last = line;
      }
      return last;
    }
  }
}
