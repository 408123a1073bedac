package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EmbeddedServersTests {

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 17})
  void refusesACountOutOfRange(int count) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EmbeddedServers.temporary(count))
        .withMessage("count: " + count + " (expected: 1 to 16)");
  }

  @Test
  void refusesPortsOutOfRangeOrTwice(@TempDir Path folder) {
    for (List<Integer> ports : List.of(List.of(-1), List.of(65_536), List.of(5, 6, 5))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> EmbeddedServers.kept(folder, ports))
          .withMessageContaining("ports: " + ports + " (expected: ");
    }
  }

  @Test
  void aCacheThatCannotBeWrittenIsNamed(@TempDir Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    System.setProperty("shardflux.servers.cache", file.toString());
    try {
      assertThatThrownBy(() -> EmbeddedServers.temporary(1))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining(file + " (expected: ")
          .hasMessageContaining("-Dshardflux.servers.cache=");
    } finally {
      System.clearProperty("shardflux.servers.cache");
    }
  }

  @Test
  void aFolderThatIsAFileIsNamed(@TempDir Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    assertThatThrownBy(() -> EmbeddedServers.kept(file, 1))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("folder: " + file + ": ");
  }
}
