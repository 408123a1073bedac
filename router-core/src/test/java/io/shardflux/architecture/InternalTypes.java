package io.shardflux.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import io.shardflux.router.Internal;

/** Types and members that are no API. */
final class InternalTypes {

  /** Marked, or inside a type that is. */
  static final DescribedPredicate<JavaClass> MARKED =
      describe("are internal or inside a type that is", InternalTypes::isMarked);

  /** Marked or hidden, or inside a type that is. */
  static final DescribedPredicate<JavaClass> INSIDE =
      describe("are no API or inside a type that is none", InternalTypes::isInside);

  private InternalTypes() {}

  static boolean isMarked(JavaClass type) {
    return type.isAnnotatedWith(Internal.class)
        || type.getEnclosingClass().map(InternalTypes::isMarked).orElse(false);
  }

  private static boolean isInside(JavaClass type) {
    return type.isAnnotatedWith(Internal.class)
        || !type.getModifiers().contains(JavaModifier.PUBLIC)
        || type.getEnclosingClass().map(InternalTypes::isInside).orElse(false);
  }

  static boolean isMarked(JavaAccess<?> access) {
    return access
        .getTarget()
        .resolveMember()
        .filter(member -> member.isAnnotatedWith(Internal.class))
        .isPresent();
  }
}
