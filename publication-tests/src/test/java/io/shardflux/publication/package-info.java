/** Tests of what is published. They run once all modules have their jars. */
@NullMarked
package io.shardflux.publication;

import org.jspecify.annotations.NullMarked;
