/**
 * What is told of a start that failed. Start at {@code InvalidSettingFailureAnalyzer}. This package
 * may use {@code property}.
 */
@NullMarked
package io.shardflux.spring.failure;

import org.jspecify.annotations.NullMarked;
