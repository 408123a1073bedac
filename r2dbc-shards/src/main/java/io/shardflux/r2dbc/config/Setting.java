package io.shardflux.r2dbc.config;

import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import java.math.BigInteger;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One value of a {@link RouterDocument} and the path to it. A scalar is a text until it is asked
 * for by type, so that YAML and properties mean the same.
 */
final class Setting {

  private static final int MAX_DEPTH = 32;
  private static final int MAX_SHOWN = 100;
  private static final Duration MAX_TIME = Duration.ofDays(365);
  private static final Pattern WHOLE_NUMBER = Pattern.compile("-?[0-9]{1,20}");
  private static final Pattern TIME = Pattern.compile("([0-9]{1,9})(ms|s|m|h|d)");

  private static final String SHARD = "a shard's name, 1 to 64 letters, digits, '_', '-' or '.'";

  /**
   * The characters of a key. Characters behind them are not part of a key, and may be a password.
   */
  private static final Pattern KEY = Pattern.compile("[A-Za-z0-9_.-]*");

  /** The signs of a text that may hold a password. */
  private static final Pattern SECRET =
      Pattern.compile("(?i)://|@|(?:passw|pwd|secret)[a-z]{0,20}[\"']?[:=\\s]");

  private final String path;
  private final String name;
  private final int depth;
  private final @Nullable Object value;
  private final Origin origin;

  /** What a document comes from. */
  private enum Origin {
    /** A text, whose author may have put anything anywhere. */
    TEXT,
    /** A document whose keys may be written in any way that has the same letters and digits. */
    PROPERTIES,
    /** A topology that a router published: it holds no secret, and names may have any character. */
    PUBLISHED
  }

  private Setting(String path, String name, int depth, @Nullable Object value, Origin origin) {
    this.path = path;
    this.name = name;
    this.depth = depth;
    this.value = value;
    this.origin = origin;
    // Also what ends a document that holds itself.
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException(
          path + ": nested too deeply (expected: at most " + MAX_DEPTH + " levels)");
    }
  }

  static Setting root(@Nullable Object document) {
    return new Setting("", "", 0, document, Origin.TEXT);
  }

  /** A document whose keys may be written in any way that has the same letters and digits. */
  static Setting relaxedRoot(@Nullable Object document) {
    return new Setting("", "", 0, document, Origin.PROPERTIES);
  }

  /** A topology that a router published, as the tree of its JSON. */
  static Setting publishedRoot(@Nullable Object document) {
    return new Setting("topology", "", 0, document, Origin.PUBLISHED);
  }

  /** The last step of the path: a key, or a position from 0. */
  String name() {
    return name;
  }

  boolean present() {
    return value != null;
  }

  boolean isMap() {
    return value instanceof Map;
  }

  /** Tells whether it is a strategy of a type that is for published topologies alone. */
  boolean isPublished(String type) {
    return origin == Origin.PUBLISHED
        && value instanceof Map<?, ?> map
        && type.equals(map.get("type"));
  }

  /** The value that the function reads, or another one if the setting is missing. */
  <T> T or(T other, Function<Setting, T> reading) {
    return present() ? reading.apply(this) : other;
  }

  void ifPresent(Consumer<Setting> reading) {
    if (present()) {
      reading.accept(this);
    }
  }

  /** Itself, if it is a map that has no other keys. */
  Setting only(String... known) {
    return only(false, known);
  }

  /**
   * Does the same as {@link #only} for a map with a password in it; a misspelt key may have a piece
   * of the password.
   */
  Setting onlyAsServer(String... known) {
    return only(true, known);
  }

  private Setting only(boolean server, String... known) {
    for (Setting entry : entries()) {
      if (Stream.of(known).noneMatch(entry::isUnder)) {
        throw unknown(entry, server, known);
      }
    }
    for (String key : known) {
      if (entries().stream().filter(entry -> entry.isUnder(key)).count() > 1) {
        throw child(key, null).error("there twice", "each key once, in one spelling");
      }
    }
    return this;
  }

  private IllegalArgumentException unknown(Setting entry, boolean server, String... known) {
    String expected = "one of " + String.join(", ", known);
    String word = word(entry.name);
    boolean whole = word.length() == entry.name.length();
    if (whole && (!server || entry.saysSomething())) {
      return child(word, null).error("unknown", expected);
    }
    String shown = server ? Stream.of(known).filter(word::startsWith).findFirst().orElse("") : word;
    return child(shown + "…", null).error("unknown", expected + ", with ': ' behind it");
  }

  private boolean saysSomething() {
    return value != null && !value.equals("");
  }

  /** The value of a key of a map; missing if the map lacks the key. */
  Setting get(String key) {
    return entries().stream()
        .filter(entry -> entry.isUnder(key))
        .findAny()
        .map(entry -> child(key, entry.name, entry.value))
        .orElseGet(() -> child(key, null));
  }

  private boolean isUnder(String key) {
    return name.equals(key) || (origin == Origin.PROPERTIES && uniform(name).equals(uniform(key)));
  }

  private static String uniform(String key) {
    return key.codePoints()
        .filter(Character::isLetterOrDigit)
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString()
        .toLowerCase(Locale.ROOT);
  }

  /** The entries of a map, in their order; none where it is missing or empty. */
  List<Setting> entries() {
    if (value == null || value.equals("")) {
      return List.of();
    }
    if (!(value instanceof Map<?, ?> map)) {
      throw misshapen("a map");
    }
    List<Setting> entries = new ArrayList<>();
    map.forEach((key, entry) -> entries.add(child(key(key), entry)));
    return entries;
  }

  /** The entries of a map that has one at least. */
  List<Setting> someEntries(String expected) {
    return some(entries(), expected);
  }

  private List<Setting> some(List<Setting> settings, String expected) {
    if (settings.isEmpty()) {
      throw error(value == null ? "missing" : "none", expected);
    }
    return settings;
  }

  /**
   * The elements of a list; a map with the keys from {@code 0} on is one too, as properties have no
   * lists.
   */
  List<Setting> items(String expected) {
    if (value instanceof List<?> list) {
      List<Setting> items = new ArrayList<>();
      list.forEach(item -> items.add(item(items.size(), item)));
      return items;
    }
    if (isMap()) {
      return numbered(expected);
    }
    if ("".equals(value)) {
      return List.of();
    }
    throw refused(expected);
  }

  private List<Setting> numbered(String expected) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    entries().forEach(entry -> values.put(entry.name, entry.value));
    List<Setting> items = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      if (!values.containsKey(Integer.toString(i))) {
        throw refused(expected);
      }
      items.add(item(i, values.get(Integer.toString(i))));
    }
    return items;
  }

  /** A text that is not empty; no URL, which stands in the wrong place here. */
  String text(String expected) {
    String text = scalar();
    if (text == null || (origin != Origin.PUBLISHED && (text.isEmpty() || hasUrl(text)))) {
      throw refused(expected);
    }
    return text;
  }

  /** The name of something, that messages elsewhere may quote. */
  String quotable(String expected) {
    String text = text(expected);
    if (origin != Origin.PUBLISHED && maySpill(text)) {
      throw refusedUnseen(expected);
    }
    return text;
  }

  /** A text, perhaps empty, that no message may show. */
  String secret(String expected) {
    String text = scalar();
    if (text == null) {
      throw misshapen(expected);
    }
    return text;
  }

  int integer(int min, int max) {
    String expected = "a whole number from " + min + " to " + max;
    String text = text(expected);
    if (WHOLE_NUMBER.matcher(text).matches()) {
      BigInteger number = new BigInteger(text);
      if (number.compareTo(BigInteger.valueOf(min)) >= 0
          && number.compareTo(BigInteger.valueOf(max)) <= 0) {
        return number.intValue();
      }
    }
    throw refused(expected);
  }

  /** A time as Spring Boot writes it, with its unit: {@code 500ms}, {@code 2s}, {@code PT2S}. */
  Duration time() {
    String expected = "a time with its unit, from 1ms to 365d, such as 500ms, 2s, 1m or PT2S";
    Duration time = time(text(expected));
    if (time == null || time.compareTo(Duration.ofMillis(1)) < 0 || time.compareTo(MAX_TIME) > 0) {
      throw refused(expected);
    }
    return time;
  }

  /** A time within bounds, which the expectation names. */
  Duration time(Duration shortest, Duration longest, String expected) {
    // Where none is allowed the general bound does not hold, and must not be told.
    Duration time = shortest.isZero() ? time(text(expected)) : time();
    if (time == null || time.compareTo(shortest) < 0 || time.compareTo(longest) > 0) {
      throw refused(expected);
    }
    return time;
  }

  private static @Nullable Duration time(String text) {
    Matcher simple = TIME.matcher(text.toLowerCase(Locale.ROOT));
    if (!simple.matches()) {
      return parsed(text, Duration::parse);
    }
    long amount = Long.parseLong(simple.group(1));
    return switch (simple.group(2)) {
      case "ms" -> Duration.ofMillis(amount);
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      case "h" -> Duration.ofHours(amount);
      default -> Duration.ofDays(amount);
    };
  }

  boolean truth() {
    String expected = "true or false";
    String text = text(expected);
    if (!text.equals("true") && !text.equals("false")) {
      throw refused(expected);
    }
    return text.equals("true");
  }

  /** A constant by its name in lower case, with '-' for '_'. */
  <E extends Enum<E>> E one(Class<E> type) {
    String expected =
        Stream.of(type.getEnumConstants())
            .map(Setting::lowerCase)
            .collect(Collectors.joining(", ", "one of ", ""));
    String text = text(expected);
    return Stream.of(type.getEnumConstants())
        .filter(constant -> lowerCase(constant).equals(text))
        .findAny()
        .orElseThrow(() -> refused(expected));
  }

  ShardId shard() {
    String text = text(SHARD);
    return shard(text, seemly(text));
  }

  /** A list of one shard at least. */
  List<ShardId> shards() {
    String expected = "a list of shards";
    return some(items(expected), expected).stream().map(Setting::shard).toList();
  }

  /** The name that this value is under, as a shard's. */
  ShardId nameAsShard() {
    return shard(name, step(name));
  }

  private ShardId shard(String text, String shown) {
    try {
      return ShardId.of(text);
    } catch (IllegalArgumentException e) {
      throw error(shown, SHARD);
    }
  }

  /** A part of a key. */
  Object keyPart(KeyType type) {
    return keyPart(type, scalar(), shown(scalar()));
  }

  /** The name that this value is under, as a part of a key. */
  Object nameAsKeyPart(KeyType type) {
    return keyPart(type, name, step(name));
  }

  private Object keyPart(KeyType type, @Nullable String text, String shown) {
    Object part =
        text == null
            ? null
            : switch (type) {
              case INTEGER -> WHOLE_NUMBER.matcher(text).matches() ? new BigInteger(text) : null;
              case TEXT -> text;
              case BINARY -> parsed(text, KeyType::bytes);
              case UUID -> text.length() == 36 ? parsed(text, UUID::fromString) : null;
              case DATE -> parsed(text, LocalDate::parse);
              case DATETIME -> parsed(text, LocalDateTime::parse);
              case INSTANT -> parsed(text, Instant::parse);
            };
    if (part == null) {
      throw error(
          shown,
          switch (type) {
            case INTEGER -> "a whole number";
            case TEXT -> "a text";
            case BINARY -> "bytes, such as 0x00ff";
            case UUID -> "a UUID of 36 characters";
            case DATE -> "a date, such as 2026-01-31";
            case DATETIME -> "a date and time, such as 2026-01-31T12:00:00";
            case INSTANT -> "an instant, such as 2026-01-31T12:00:00Z";
          });
    }
    return part;
  }

  /** Adds the path to a refusal of a check elsewhere. */
  <T> T checked(Supplier<T> check) {
    try {
      return check.get();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      String told = message.split(" \\(expected: ", 2)[0];
      throw new IllegalArgumentException(
          path
              + ": "
              + (maySpill(told) ? "refused, not shown as it may hold a password" : message));
    }
  }

  IllegalArgumentException refused(String expected) {
    return error(shown(scalar()), expected);
  }

  /** A refusal of a value of the wrong kind; it shows nothing of the value. */
  IllegalArgumentException misshapen(String expected) {
    return error(kind(), expected);
  }

  /** A refusal of a value that is wrong in a way that can be named without showing the value. */
  IllegalArgumentException wrong(String how, String expected) {
    return error(how, expected);
  }

  /** A refusal of a value that may hold a secret. */
  IllegalArgumentException refusedUnseen(String expected) {
    return error("not shown", expected);
  }

  private IllegalArgumentException error(String what, String expected) {
    return new IllegalArgumentException(
        (path.isEmpty() ? "document" : path) + ": " + what + " (expected: " + expected + ")");
  }

  private String shown(@Nullable String text) {
    return text == null ? kind() : text.isEmpty() ? "''" : seemly(text);
  }

  /** The kind of the value, where the value may be a secret in the wrong place. */
  private String kind() {
    return value == null
        ? "missing"
        : isMap() ? "a map" : value instanceof List ? "a list" : "a single value";
  }

  /** A URL may hold a password, wherever it was put by mistake, and so may what is near one. */
  private static String seemly(String text) {
    if (hasUrl(text)) {
      return "(a URL)";
    }
    if (maySpill(text)) {
      return "not shown";
    }
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
  }

  private static boolean hasUrl(String text) {
    return text.contains("://");
  }

  private static boolean maySpill(String text) {
    return SECRET.matcher(text).find();
  }

  /** The beginning of a text that may be a key. */
  private static String word(String text) {
    Matcher word = KEY.matcher(text);
    return word.lookingAt() ? word.group() : "";
  }

  /** A key as a step of the path, without a value that may have got into it. */
  private static String step(String key) {
    if (hasUrl(key)) {
      return "(a URL)";
    }
    int end = 0;
    while (end < key.length() && end < MAX_SHOWN && ":=@\"'{}[],".indexOf(key.charAt(end)) < 0) {
      end++;
    }
    return end == key.length() ? key : key.substring(0, end) + "…";
  }

  private @Nullable String scalar() {
    return value instanceof CharSequence || value instanceof Number || value instanceof Boolean
        ? value.toString()
        : null;
  }

  private String key(@Nullable Object key) {
    if (key instanceof CharSequence || key instanceof Number) {
      return key.toString();
    }
    throw error("a key that is no text", "texts as keys");
  }

  private Setting child(String key, @Nullable Object child) {
    return child(key, key, child);
  }

  private Setting child(String key, String spelled, @Nullable Object child) {
    String step = step(key);
    return new Setting(
        path.isEmpty() ? step : path + "." + step, spelled, depth + 1, child, origin);
  }

  private Setting item(int index, @Nullable Object item) {
    return new Setting(path + "[" + index + "]", Integer.toString(index), depth + 1, item, origin);
  }

  private static String lowerCase(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static <T> @Nullable T parsed(String text, Function<String, T> parser) {
    try {
      return parser.apply(text);
    } catch (DateTimeException | IllegalArgumentException e) {
      return null;
    }
  }
}
