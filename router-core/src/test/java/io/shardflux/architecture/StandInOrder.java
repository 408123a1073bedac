package io.shardflux.architecture;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Rooms use those before them; each room that is named exists, and no other does. */
final class StandInOrder extends ArchCondition<JavaClass> {

  private final String root;
  private final List<String> order;
  private final Set<String> seen = new LinkedHashSet<>();

  StandInOrder(String root, List<String> rooms) {
    super("use only rooms before their own, of " + rooms + " and the root");
    this.root = root;
    order = new ArrayList<>(rooms);
    order.add("");
  }

  @Override
  public void init(Collection<JavaClass> all) {
    seen.clear();
  }

  @Override
  public void check(JavaClass type, ConditionEvents events) {
    String room = room(type);
    seen.add(room);
    if (!order.contains(room)) {
      events.add(SimpleConditionEvent.violated(type, type.getName() + " is in no room named"));
      return;
    }
    for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
      JavaClass target = dependency.getTargetClass().getBaseComponentType();
      if (isInside(target) && order.indexOf(room(target)) > order.indexOf(room)) {
        events.add(SimpleConditionEvent.violated(dependency, dependency.getDescription()));
      }
    }
  }

  @Override
  public void finish(ConditionEvents events) {
    order.stream()
        .filter(room -> !seen.contains(room))
        .forEach(
            room ->
                events.add(
                    SimpleConditionEvent.violated(room, "the room '" + room + "' is empty")));
  }

  private boolean isInside(JavaClass type) {
    return type.getPackageName().equals(root) || type.getPackageName().startsWith(root + ".");
  }

  private String room(JavaClass type) {
    String name = type.getPackageName();
    return name.equals(root) ? "" : name.substring(root.length() + 1);
  }
}
