package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderLockTests {

  private final Path folder;

  FolderLockTests(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void oneHoldsItAtATimeAndLeavesItsId() throws IOException {
    FolderLock first = FolderLock.tryLock(folder);
    assertThat(first).isNotNull();
    assertThat(FolderLock.tryLock(folder)).isNull();
    assertThat(FolderLock.holder(folder)).isEqualTo("" + ProcessHandle.current().pid());
    first.close();

    FolderLock second = FolderLock.tryLock(folder);
    assertThat(second).isNotNull();
    second.close();
  }

  /** A lock of POSIX is gone once the process closes any other channel to the file. */
  @Test
  void aSecondTryLosesNothingOfTheFirst() throws IOException {
    FolderLock held = FolderLock.tryLock(folder);
    assertThat(held).isNotNull();
    assertThat(FolderLock.tryLock(folder)).isNull();
    assertThat(FolderLock.holder(folder)).isEqualTo("" + ProcessHandle.current().pid());
    try (OtherJvm other = OtherJvm.tryingToLock(folder)) {
      assertThat(other.answer()).isEqualTo("refused");
    }
    held.close();
    try (OtherJvm other = OtherJvm.tryingToLock(folder)) {
      assertThat(other.answer()).isEqualTo("locked");
      assertThat(FolderLock.tryLock(folder)).isNull();
    }
  }

  @Test
  void makesTheFolder() throws IOException {
    Path deep = folder.resolve("a/b");
    FolderLock.await(deep).close();
    assertThat(deep).isDirectory();
  }

  @Test
  void aFileThatIsNotThereIsNotLocked() throws IOException {
    assertThat(FolderLock.isLocked(folder.resolve("none"))).isFalse();
    assertThat(FolderLock.isLocked(Files.createFile(folder.resolve("free")))).isFalse();
  }
}
