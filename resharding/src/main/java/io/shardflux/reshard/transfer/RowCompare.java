package io.shardflux.reshard.transfer;

import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import reactor.core.publisher.Mono;

/** Compares moving rows of a table on both sides, over one lane. */
record RowCompare(Lane lane, Capture capture) {

  /**
   * A digest of the literals of rows.
   *
   * @param bytes of these literals; a server cuts a longer text off
   */
  record Digest(long rows, long bytes, String hash) {}

  private MovedTable table() {
    return capture.table();
  }

  private String moving(String condition) {
    return condition + " AND " + capture.moving();
  }

  /** The digests of a range on the source and then on the target; it is asked of both at once. */
  Mono<List<Digest>> digests(KeyRange range) {
    String sql = table().digest(moving(range.condition(table())));
    return Mono.zip(
        digest(lane.source(), sql),
        digest(lane.target(), sql),
        (source, target) -> List.of(source, target));
  }

  private static Mono<Digest> digest(Session session, String sql) {
    return session
        .rows(
            sql,
            row ->
                new Digest(
                    Objects.requireNonNull(row.get(0, Long.class)),
                    Objects.requireNonNull(row.get(1, Long.class)),
                    Objects.requireNonNullElse(row.get(2, String.class), "")))
        .single();
  }

  /** Tells whether rows that have these digests are the same, and none of them is cut off. */
  boolean same(List<Digest> both) {
    Digest source = both.get(0);
    long packets = Math.min(lane.source().place().packet(), lane.target().place().packet());
    long most = Math.min(ChunkSize.MOST_BYTES, packets);
    return source.bytes() < most - 4 && source.equals(both.get(1));
  }

  /** The keys of rows that differ and have no change that waits. */
  Mono<List<List<String>>> differing(String condition) {
    String sql = table().hashes(moving(condition));
    return Mono.zip(hashes(lane.source(), sql), hashes(lane.target(), sql), RowCompare::differing)
        .flatMap(
            keys ->
                keys.isEmpty()
                    ? Mono.just(keys)
                    // A change that came between both looks waits by now.
                    : capture
                        .pending(lane.source(), keys)
                        .map(
                            pending ->
                                keys.stream().filter(key -> !pending.contains(key)).toList()));
  }

  private Mono<Map<List<String>, String>> hashes(Session session, String sql) {
    int last = table().primary().size();
    return session
        .rows(
            sql,
            row ->
                Map.entry(table().key(row, 0), Objects.requireNonNull(row.get(last, String.class))))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue);
  }

  private static List<List<String>> differing(
      Map<List<String>, String> source, Map<List<String>, String> target) {
    Set<List<String>> keys = new LinkedHashSet<>(source.keySet());
    keys.addAll(target.keySet());
    keys.removeIf(key -> Objects.equals(source.get(key), target.get(key)));
    return List.copyOf(keys);
  }
}
