package io.shardflux.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import io.shardflux.router.Internal;
import java.util.Optional;
import java.util.stream.Stream;

/** Types that users call, extend or catch name no type that is kept from users. */
final class NameNoInternals extends ArchCondition<JavaClass> {

  NameNoInternals() {
    super("name no internal type in their signatures");
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    Stream.concat(
            type.getInterfaces().stream(),
            Optional.ofNullable(type.getSuperclass().orElse(null)).stream())
        .filter(NameNoInternals::isInternal)
        .forEach(
            above ->
                events.add(
                    SimpleConditionEvent.violated(
                        type, type.getName() + " is a " + above.getName())));
    type.getMembers().stream()
        .filter(NameNoInternals::isOffered)
        .filter(member -> named(member).anyMatch(NameNoInternals::isInternal))
        .forEach(
            member -> events.add(SimpleConditionEvent.violated(member, member.getDescription())));
  }

  private static boolean isOffered(JavaMember member) {
    return (member.getModifiers().contains(JavaModifier.PUBLIC)
            || member.getModifiers().contains(JavaModifier.PROTECTED))
        && !member.isAnnotatedWith(Internal.class);
  }

  private static boolean isInternal(JavaType type) {
    return type.getAllInvolvedRawTypes().stream()
        .map(JavaClass::getBaseComponentType)
        .anyMatch(InternalTypes::isMarked);
  }

  private static Stream<JavaType> named(JavaMember member) {
    if (member instanceof JavaField field) {
      return Stream.of(field.getType());
    }
    JavaCodeUnit unit = (JavaCodeUnit) member;
    return Stream.of(
            Stream.of(unit.getReturnType()),
            unit.getParameterTypes().stream(),
            unit.getTypeParameters().stream().flatMap(each -> each.getUpperBounds().stream()),
            unit.getThrowsClause().getTypes().stream())
        .flatMap(each -> each);
  }
}
