-- The tables of transactions over shards, for an account that must not make tables by itself. Run this once, in the
-- database of each shard.
CREATE TABLE IF NOT EXISTS shardflux_decision (
  gtrid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  outcome TINYINT NOT NULL,
  barrier TINYINT NOT NULL,
  shards TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  decided_at DATETIME(6) NOT NULL,
  KEY (decided_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS shardflux_barrier (
  id TINYINT NOT NULL PRIMARY KEY,
  version INT NOT NULL,
  place CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO shardflux_barrier VALUES (1, 1, UUID());
