package io.shardflux.spring;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says which setting to change, and to what. */
final class InvalidSettingFailureAnalyzer extends AbstractFailureAnalyzer<InvalidSettingException> {

  private static final Pattern FORM =
      Pattern.compile("(.+?): (.*) \\(expected: (.*)\\)", Pattern.DOTALL);
  private static final String DRIVER = " The driver for r2dbc:mysql is io.asyncer:r2dbc-mysql.";

  @Override
  protected FailureAnalysis analyze(Throwable rootFailure, InvalidSettingException cause) {
    Matcher form = FORM.matcher(String.valueOf(cause.getMessage()));
    if (!form.matches()) {
      return new FailureAnalysis(
          cause.getMessage() + at(cause), "Change the settings below 'shardflux'.", cause);
    }
    String name = RouterProperties.PREFIX + "." + form.group(1);
    String expected = form.group(3);
    return new FailureAnalysis(
        wrong(name, form.group(2)) + at(cause),
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
