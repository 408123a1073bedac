import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * An Ant task that runs before a module is compiled. It deletes the module's classes, so that the
 * compiler makes them anew, if a class that they are compiled against got another signature since
 * then. The signature of a class is all but its bodies and its private members.
 */
public final class Signatures {

  private static final int HIDDEN = Opcodes.ACC_PRIVATE | Opcodes.ACC_SYNTHETIC;

  private Path output = Path.of("");
  private String uses = "";

  /** The folder of the module's classes. */
  public void setOutput(String folder) {
    output = Path.of(folder).toAbsolutePath();
  }

  /** The class path that they are compiled against. */
  public void setUses(String classPath) {
    uses = classPath;
  }

  /** Compares with what was noted when this ran last, and notes what is now. */
  public void execute() {
    Path note = beside(output, ".uses");
    StringBuilder now = new StringBuilder();
    for (String element : uses.split(File.pathSeparator)) {
      Path classes = Path.of(element).toAbsolutePath();
      if (!classes.equals(output)) {
        now.append(classes).append(' ').append(signature(classes)).append('\n');
      }
    }
    if (!now.toString().equals(read(note))) {
      classesIn(output).forEach(Signatures::delete);
      write(note, now.toString());
    }
  }

  private static Path beside(Path classes, String suffix) {
    return classes.resolveSibling(classes.getFileName() + suffix);
  }

  /** Of a folder with classes, or of a file such as the module's POM. */
  private static String signature(Path classes) {
    if (Files.isRegularFile(classes)) {
      return stateOf(classes).strip();
    }
    List<Path> files = classesIn(classes);
    if (files.isEmpty()) {
      return "-";
    }
    MessageDigest state = digest();
    files.forEach(file -> state.update(stateOf(file).getBytes(StandardCharsets.UTF_8)));
    String key = hex(state);
    Path kept = beside(classes, ".signature");
    String known = read(kept);
    if (!known.startsWith(key)) {
      MessageDigest all = digest();
      files.forEach(file -> all.update(signatureOf(file)));
      known = key + ' ' + hex(all);
      write(kept, known);
    }
    return known.substring(key.length() + 1);
  }

  private static String stateOf(Path file) {
    try {
      return file + " " + Files.size(file) + " " + Files.getLastModifiedTime(file) + "\n";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] signatureOf(Path file) {
    try {
      ClassWriter signature = new ClassWriter(0);
      new ClassReader(Files.readAllBytes(file))
          .accept(
              new Visible(signature),
              ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
      return signature.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Without classes that have no name, which nothing else can be compiled against. */
  private static List<Path> classesIn(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".class"))
          .filter(file -> !file.getFileName().toString().matches(".*\\$[0-9].*"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String read(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Drops what other classes can't see. */
  private static final class Visible extends ClassVisitor {

    private String name = "";

    Visible(ClassVisitor next) {
      super(Opcodes.ASM9, next);
    }

    @Override
    public void visit(
        int version, int access, String name, String generic, String parent, String[] interfaces) {
      this.name = name;
      super.visit(version, access, name, generic, parent, interfaces);
    }

    /** A class names all that it uses here, and only those inside it are its own. */
    @Override
    public void visitInnerClass(String inner, String outer, String simple, int access) {
      boolean own = name.equals(outer) || name.equals(inner);
      if (own && (access & HIDDEN) == 0) {
        super.visitInnerClass(inner, outer, simple, access);
      }
    }

    @Override
    public void visitNestMember(String member) {}

    @Override
    public FieldVisitor visitField(
        int access, String field, String type, String generic, Object value) {
      return (access & HIDDEN) != 0 ? null : super.visitField(access, field, type, generic, value);
    }

    @Override
    public MethodVisitor visitMethod(
        int access, String method, String type, String generic, String[] thrown) {
      boolean hidden = (access & HIDDEN) != 0 || method.equals("<clinit>");
      return hidden ? null : super.visitMethod(access, method, type, generic, thrown);
    }
  }
}
