package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class FoldersTests {

  private final Path folder;

  FoldersTests(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void copiesAllAndReplacesWhatACrashLeftUnfinished() throws IOException {
    Path from = folder.resolve("from");
    Files.createDirectories(from.resolve("a/b"));
    Files.writeString(from.resolve("a/b/file"), "text");
    Files.createDirectories(folder.resolve("to.new/rest"));

    Folders.copy(from, folder.resolve("to"));

    assertThat(folder.resolve("to/a/b/file")).hasContent("text");
    assertThat(folder.resolve("to/rest")).doesNotExist();
    assertThat(folder.resolve("to.new")).doesNotExist();
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void deletesLinksAndNotWhatTheyPointTo() throws IOException {
    Path outside = Files.createDirectories(folder.resolve("outside"));
    Files.writeString(outside.resolve("file"), "text");
    Path gone = Files.createDirectories(folder.resolve("gone"));
    Files.createSymbolicLink(gone.resolve("link"), outside);

    Folders.delete(gone);

    assertThat(gone).doesNotExist();
    assertThat(outside.resolve("file")).exists();
  }

  @Test
  void deletesWhatIsNotThere() throws IOException {
    Folders.delete(folder.resolve("none"));
    assertThat(folder).isEmptyDirectory();
  }
}
