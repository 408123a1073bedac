package io.shardflux.reshard;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Moves all keys of a strategy to the second shard, in a JVM of its own that has a small heap. */
final class SmallMover {

  private static final Duration BOUND = Duration.ofMinutes(4);

  private SmallMover() {}

  public static void main(String[] arguments) throws IOException {
    ClusterRouter cluster =
        ClusterRouter.open(Files.readString(Path.of(arguments[0])))
            .blockOptional(BOUND)
            .orElseThrow();
    ShardMoves moves = ShardMoves.of(cluster);
    long job =
        moves
            .plan("by_user", ShardingStrategy.fixed(ShardId.of("shard_1")))
            .map(MoveFixture::brief)
            .flatMap(moves::start)
            .blockOptional(BOUND)
            .orElseThrow();
    MoveProgress failed = moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND);
    moves.close().block(BOUND);
    cluster.close().block(BOUND);
    if (failed != null) {
      throw new IllegalStateException(failed.error());
    }
  }
}
