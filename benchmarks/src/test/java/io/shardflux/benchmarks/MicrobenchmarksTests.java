package io.shardflux.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.options.TimeValue;

class MicrobenchmarksTests {

  @Test
  void eachIsRunAndNamed() {
    List<Lookup> lookups = Microbenchmarks.run(".*", 0, 1, TimeValue.milliseconds(20));
    assertThat(lookups)
        .extracting(Lookup::name)
        .contains(
            "hash",
            "ringOf1000",
            "directoryCached",
            "keyOfInteger",
            "canonicalText",
            "pointRead",
            "orderedReadOfAllShards");
    assertThat(lookups).allMatch(lookup -> lookup.nanos() > 0 && lookup.bytes() >= 0);
  }
}
