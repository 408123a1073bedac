/**
 * Real database servers on this machine: for the first run without configuration, and for tests.
 * This package uses nothing of Shardflux. Start at {@link TestServers}, or at {@link
 * EmbeddedServers} for servers without tests.
 */
@NullMarked
package io.shardflux.servers;

import org.jspecify.annotations.NullMarked;
