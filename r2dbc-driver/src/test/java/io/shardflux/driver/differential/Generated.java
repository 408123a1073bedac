package io.shardflux.driver.differential;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A statement of a differential test.
 *
 * @param shape what it is, for the count of the refused
 * @param support whether it has to be answered
 * @param template its text, with {@link #marker} for values that are bound
 * @param values what is bound, by the markers' numbers
 * @param named whether the markers are names
 * @param expected how its answer must be compared; nothing if it writes
 * @param writes the table that it writes to
 * @param hint what stands before it for the driver alone
 */
record Generated(
    String shape,
    Support support,
    String template,
    List<Value> values,
    boolean named,
    @Nullable Expected expected,
    @Nullable Table writes,
    String hint) {

  /** The hint of a statement that must write to several shards. */
  static final String PERMISSION = "/* shardflux: scatter-writes=true */ ";

  private static final Pattern MARKER = Pattern.compile("\u0001([0-9]+)\u0002");

  /** A value to bind, perhaps null. */
  record Value(@Nullable Object value, Class<?> type) {

    Value withoutUuid() {
      return type == UUID.class
          ? new Value(value == null ? null : value.toString(), String.class)
          : this;
    }

    @Override
    public String toString() {
      return value == null ? "null" : type.getSimpleName() + " " + Literals.plain(value);
    }
  }

  /** A text with markers {@code ?} or {@code :v0}, and the values by position or name. */
  record Rendered(String sql, Map<Object, Value> binds) {}

  static Generated read(
      String shape, Support support, String template, Dice dice, Expected expected) {
    return new Generated(
        shape, support, template, dice.bound(), dice.percent(40), expected, null, "");
  }

  static Generated write(
      String shape, Support support, String template, Dice dice, Table table, String hint) {
    return new Generated(
        shape, support, template, dice.bound(), dice.percent(40), null, table, hint);
  }

  /** With a hint, perhaps an empty one. */
  Generated hinted(String text) {
    return text.isEmpty()
        ? this
        : new Generated(
            shape,
            support,
            template,
            values,
            named,
            expected,
            writes,
            "/* shardflux: " + text + " */ ");
  }

  static String marker(int number) {
    return "\u0001" + number + "\u0002";
  }

  /** As the driver is given it. */
  Rendered sharded() {
    return render(hint + template, named);
  }

  /**
   * As one database is given it, through a driver that knows no UUIDs; without the limit where any
   * rows will do.
   */
  Rendered whole() {
    String text = expected == null || expected.slice() == null ? template : expected.slice().all();
    Rendered whole = render(text, false);
    whole.binds().replaceAll((marker, value) -> value.withoutUuid());
    return whole;
  }

  private Rendered render(String text, boolean byName) {
    Map<Object, Value> binds = new LinkedHashMap<>();
    StringBuilder sql = new StringBuilder();
    Matcher marker = MARKER.matcher(text);
    List<String> order = new ArrayList<>();
    while (marker.find()) {
      int number = Integer.parseInt(marker.group(1));
      String name = "v" + number;
      binds.put(byName ? name : (Object) order.size(), values.get(number));
      order.add(name);
      marker.appendReplacement(sql, byName ? ":" + name : "?");
    }
    marker.appendTail(sql);
    return new Rendered(sql.toString(), binds);
  }

  @Override
  public String toString() {
    Rendered shown = sharded();
    return "[" + shape + "] " + shown.sql() + (shown.binds().isEmpty() ? "" : " " + shown.binds());
  }
}
