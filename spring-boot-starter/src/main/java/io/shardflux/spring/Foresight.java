package io.shardflux.spring;

import io.shardflux.router.Topology;
import java.util.function.Function;
import reactor.core.publisher.Flux;

/** What becomes of the application's statements by another topology, a line for each. */
interface Foresight extends Function<Topology, Flux<String>> {}
