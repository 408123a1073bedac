package io.shardflux.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import io.shardflux.router.Internal;

/** Types that are no API: marked so, or inside one that is marked or hidden. */
final class InternalTypes {

  static final DescribedPredicate<JavaClass> INSIDE =
      describe("are internal or inside a type that is", InternalTypes::isInside);

  private InternalTypes() {}

  private static boolean isInside(JavaClass type) {
    boolean hidden =
        type.isAnnotatedWith(Internal.class)
            || !type.getModifiers().contains(com.tngtech.archunit.core.domain.JavaModifier.PUBLIC);
    return hidden || type.getEnclosingClass().map(InternalTypes::isInside).orElse(false);
  }
}
