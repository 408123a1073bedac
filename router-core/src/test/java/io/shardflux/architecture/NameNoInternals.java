package io.shardflux.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import io.shardflux.router.Internal;
import java.util.stream.Stream;

/** What users call takes and gives nothing that is kept from them. */
final class NameNoInternals extends ArchCondition<JavaClass> {

  NameNoInternals() {
    super("name no internal type in public members");
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    type.getCodeUnits().stream()
        .filter(unit -> unit.getModifiers().contains(JavaModifier.PUBLIC))
        .filter(unit -> !unit.isAnnotatedWith(Internal.class))
        .filter(unit -> named(unit).anyMatch(each -> each.isAnnotatedWith(Internal.class)))
        .forEach(unit -> events.add(SimpleConditionEvent.violated(unit, unit.getDescription())));
  }

  private static Stream<JavaClass> named(JavaCodeUnit unit) {
    return Stream.concat(
            unit.getReturnType().getAllInvolvedRawTypes().stream(),
            unit.getParameterTypes().stream()
                .flatMap(each -> each.getAllInvolvedRawTypes().stream()))
        .map(JavaClass::getBaseComponentType);
  }
}
