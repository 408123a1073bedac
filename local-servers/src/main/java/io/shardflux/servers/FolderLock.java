package io.shardflux.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** One JVM's hold on a folder. The operating system ends it with the JVM, however that ends. */
final class FolderLock implements AutoCloseable {

  private static final String FILE = "lock";

  /**
   * The folders that this JVM holds. Their files are not opened again: when any channel to a file
   * is closed, POSIX releases all locks that the process has on it.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path folder;
  private final FileChannel channel;

  private FolderLock(Path folder, FileChannel channel) {
    this.folder = folder;
    this.channel = channel;
  }

  /** Waits until the folder is free. Threads of one JVM must take turns by other means. */
  static FolderLock await(Path folder) throws IOException {
    FileChannel channel = open(folder);
    try {
      channel.lock();
      return new FolderLock(folder.toRealPath(), channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** The lock, or nothing if a live JVM (this one or another) holds it. */
  static @Nullable FolderLock tryLock(Path folder) throws IOException {
    Path real = Files.createDirectories(folder).toRealPath();
    if (!HELD.add(real)) {
      return null;
    }
    FolderLock lock = null;
    try {
      lock = lockedByNobody(real);
      return lock;
    } finally {
      if (lock == null) {
        HELD.remove(real);
      }
    }
  }

  private static @Nullable FolderLock lockedByNobody(Path folder) throws IOException {
    FileChannel channel = open(folder);
    if (!tryLock(channel)) {
      channel.close();
      return null;
    }
    channel.truncate(0);
    channel.write(
        ByteBuffer.wrap(
            Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.UTF_8)));
    return new FolderLock(folder, channel);
  }

  /**
   * Tells whether another process holds a lock on this one file, as a running server does on its
   * data.
   */
  static boolean isLocked(Path file) throws IOException {
    if (Files.notExists(file)) {
      return false;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      return !tryLock(channel);
    }
  }

  /** The process id that the holder wrote. */
  static String holder(Path folder) {
    try {
      return HELD.contains(folder.toRealPath())
          ? Long.toString(ProcessHandle.current().pid())
          : Files.readString(folder.resolve(FILE)).strip();
    } catch (IOException e) {
      return "unknown";
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      HELD.remove(folder);
    }
  }

  private static FileChannel open(Path folder) throws IOException {
    Files.createDirectories(folder);
    return FileChannel.open(
        folder.resolve(FILE), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }
}
