package io.shardflux.sql.gather;

import io.shardflux.sql.schema.Bindable;
import io.shardflux.sql.schema.Catalog;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The ways in which mentions cut each other's rows down, by the mentions. */
final class Cuts {

  private final Map<Integer, List<Gather.JoinColumn>> joinColumns = new HashMap<>();
  private final Map<Integer, List<Gather.Link>> links = new HashMap<>();

  Cuts(List<Links.Link> all) {
    for (Links.Link link : all) {
      List<Gather.Link> some = links.computeIfAbsent(link.mention(), any -> new ArrayList<>());
      Gather.Link made =
          new Gather.Link(
              link.column().name(), link.other(), joinColumn(link.other(), link.otherColumn()));
      if (!some.contains(made)) {
        some.add(made);
      }
    }
  }

  /** The index of a column among a mention's joinColumns. */
  private int joinColumn(int mention, Catalog.Column column) {
    List<Gather.JoinColumn> some = joinColumns.computeIfAbsent(mention, any -> new ArrayList<>());
    Bindable bindable = Bindable.of(column);
    if (bindable == null) {
      throw new IllegalStateException(column.name() + ": bound (expected: a number or a text)");
    }
    Gather.JoinColumn joined = new Gather.JoinColumn(column.name(), bindable.kind());
    if (!some.contains(joined)) {
      some.add(joined);
    }
    return some.indexOf(joined);
  }

  List<Gather.JoinColumn> joinColumns(int mention) {
    return joinColumns.getOrDefault(mention, List.of());
  }

  List<Gather.Link> links(int mention) {
    return links.getOrDefault(mention, List.of());
  }
}
