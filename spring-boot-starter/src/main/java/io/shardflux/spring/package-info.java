/**
 * The router in a Spring Boot application: auto-configuration, health, an actuator endpoint. Start
 * at {@link ShardfluxAutoConfiguration}; each of its parts has a package of its own: {@code
 * property}, {@code lifecycle}, {@code failure} and {@code actuate}. This package may use the API
 * of all modules below it, and nothing that they mark as internal.
 */
@NullMarked
package io.shardflux.spring;

import org.jspecify.annotations.NullMarked;
