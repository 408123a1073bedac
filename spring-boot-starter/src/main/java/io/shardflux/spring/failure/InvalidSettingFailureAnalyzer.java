package io.shardflux.spring.failure;

import io.shardflux.spring.property.InvalidSettingException;
import io.shardflux.spring.property.RouterProperties;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says which setting to change, and to what. */
final class InvalidSettingFailureAnalyzer extends AbstractFailureAnalyzer<InvalidSettingException> {

  private static final String BEHIND_NAME = ": ";
  private static final String BEFORE_EXPECTED = " (expected: ";
  private static final String DRIVER = " The driver for r2dbc:mysql is io.asyncer:r2dbc-mysql.";

  @Override
  protected FailureAnalysis analyze(Throwable rootFailure, InvalidSettingException cause) {
    String message = String.valueOf(cause.getMessage());
    int nameEnd = message.indexOf(BEHIND_NAME);
    int valueStart = nameEnd + BEHIND_NAME.length();
    int valueEnd = message.lastIndexOf(BEFORE_EXPECTED);
    if (nameEnd <= 0 || valueEnd < valueStart || !message.endsWith(")")) {
      return new FailureAnalysis(
          message + at(cause), "Change the settings below 'shardflux'.", cause);
    }
    String name = RouterProperties.PREFIX + "." + message.substring(0, nameEnd);
    String expected = message.substring(valueEnd + BEFORE_EXPECTED.length(), message.length() - 1);
    return new FailureAnalysis(
        wrong(name, message.substring(valueStart, valueEnd)) + at(cause),
        "Expected for '" + name + "': " + expected + "." + driver(expected),
        cause);
  }

  private static String wrong(String name, String value) {
    return switch (value) {
      case "missing" -> "The setting '" + name + "' is missing.";
      case "unknown" -> "There is no setting '" + name + "'.";
      case "not shown" ->
          "The setting '" + name + "' is wrong. Its value is not shown, as it may hold a password.";
      default -> "The setting '" + name + "' is wrong: " + value;
    };
  }

  private static String at(InvalidSettingException cause) {
    return cause.getOrigin() == null ? "" : "\n\n    Origin: " + cause.getOrigin();
  }

  private static String driver(String expected) {
    return expected.contains("class path") ? DRIVER : "";
  }
}
