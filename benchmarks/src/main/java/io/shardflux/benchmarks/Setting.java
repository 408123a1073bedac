package io.shardflux.benchmarks;

import com.mysql.cj.jdbc.Driver;
import com.sun.management.OperatingSystemMXBean;
import com.zaxxer.hikari.HikariDataSource;
import io.asyncer.r2dbc.mysql.MySqlConnectionFactory;
import io.r2dbc.pool.ConnectionPool;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.shardingsphere.driver.api.yaml.YamlShardingSphereDataSourceFactory;

/** The machine, versions and options that the figures were taken with. */
final class Setting {

  private Setting() {}

  static Map<String, String> of(Options options, String server) {
    Map<String, String> setting = new LinkedHashMap<>();
    setting.put("taken", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    setting.put("machine", machine());
    setting.put("JDK", property("java.vm.name") + " " + property("java.runtime.version"));
    setting.put("server", server);
    setting.put("libraries", libraries());
    setting.put(
        "options",
        "scenarios %s, %d rounds, %d s, %,d users"
            .formatted(options.scenarios(), options.rounds(), options.seconds(), options.users()));
    setting.put("pool", Contender.POOL_SIZE + " connections to each shard");
    setting.put("allocation", Meter.allocationSource());
    return setting;
  }

  private static String machine() {
    return "%d cores, %d GiB, %s %s %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            Math.round(
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                        .getTotalMemorySize()
                    / Math.pow(2, 30)),
            property("os.name"),
            property("os.version"),
            property("os.arch"));
  }

  private static String libraries() {
    return Stream.of(
            MySqlConnectionFactory.class,
            ConnectionPool.class,
            YamlShardingSphereDataSourceFactory.class,
            HikariDataSource.class,
            Driver.class)
        .map(Setting::jar)
        .collect(Collectors.joining(", "));
  }

  /** The name of the file that a class is in, which says its version. */
  private static String jar(Class<?> type) {
    CodeSource source = type.getProtectionDomain().getCodeSource();
    try {
      return String.valueOf(Path.of(source.getLocation().toURI()).getFileName())
          .replace(".jar", "");
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String property(String name) {
    return System.getProperty(name);
  }
}
