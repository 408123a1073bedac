/**
 * The router in a Spring Boot application: auto-configuration, health, an actuator endpoint. Start
 * at {@link ShardfluxAutoConfiguration}, then {@link RouterProperties}.
 */
@NullMarked
package io.shardflux.spring;

import org.jspecify.annotations.NullMarked;
