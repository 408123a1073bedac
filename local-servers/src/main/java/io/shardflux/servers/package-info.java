/**
 * Real database servers on this machine: for the first run without configuration, and for tests.
 */
@NullMarked
package io.shardflux.servers;

import org.jspecify.annotations.NullMarked;
