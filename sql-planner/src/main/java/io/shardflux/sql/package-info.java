/** What a SQL statement asks of which shards, and how their rows become one answer. No I/O. */
@NullMarked
package io.shardflux.sql;

import org.jspecify.annotations.NullMarked;
