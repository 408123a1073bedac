/** Rules of the code that every module's tests check. */
@NullMarked
package io.shardflux.architecture;

import org.jspecify.annotations.NullMarked;
