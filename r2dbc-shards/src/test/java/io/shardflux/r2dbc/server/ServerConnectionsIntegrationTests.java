package io.shardflux.r2dbc.server;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.TestServers;
import java.lang.management.ManagementFactory;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

@Tag("same-on-any-server")
class ServerConnectionsIntegrationTests {

  private static final Pattern RESOLVERS =
      Pattern.compile("^\\s*\\d+:\\s+(\\d+) .*ResolverGroup", Pattern.MULTILINE);

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final ServerConnections connections =
      new ServerConnections(new Server(shard.id(), shard.options(), true));

  @Test
  void leaveNoResolverOfNamesBehind() throws JMException {
    openAndClose(4);
    long before = resolvers();
    openAndClose(40);

    assertThat(connections.all()).isEmpty();
    assertThat(resolvers()).isLessThan(before + 10);
  }

  private void openAndClose(int count) {
    Flux.range(0, count)
        .flatMap(i -> connections.create().flatMap(connections::close), 4)
        .then()
        .block(BOUND);
  }

  /** The number of live resolvers after a collection, which the histogram begins with. */
  private static long resolvers() throws JMException {
    Object histogram =
        ManagementFactory.getPlatformMBeanServer()
            .invoke(
                new ObjectName("com.sun.management:type=DiagnosticCommand"),
                "gcClassHistogram",
                new Object[] {new String[0]},
                new String[] {String[].class.getName()});
    return RESOLVERS
        .matcher(histogram.toString())
        .results()
        .mapToLong(row -> Long.parseLong(row.group(1)))
        .sum();
  }
}
