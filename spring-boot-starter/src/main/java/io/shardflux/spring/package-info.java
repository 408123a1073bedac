/** The router in a Spring Boot application: auto-configuration, health, an actuator endpoint. */
@NullMarked
package io.shardflux.spring;

import org.jspecify.annotations.NullMarked;
