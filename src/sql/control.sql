-- The control tables, for an account that must not make tables by itself (control.create-tables: false). Run this once,
-- in the database that control.url names, or in the first shard's.
CREATE TABLE IF NOT EXISTS shardflux_topology (
  epoch BIGINT NOT NULL PRIMARY KEY,
  document MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  routing CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  origin VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
  made_at DATETIME(6) NOT NULL,
  why VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
  KEY (routing)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS shardflux_control (
  id TINYINT NOT NULL PRIMARY KEY,
  version INT NOT NULL,
  cluster CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch BIGINT NOT NULL,
  orders BIGINT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS shardflux_router (
  router CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  host VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
  version VARCHAR(32) CHARACTER SET utf8mb4 NOT NULL,
  epoch BIGINT NOT NULL,
  seen_at DATETIME(6) NOT NULL,
  lease_until DATETIME(6) NOT NULL,
  statistics TEXT CHARACTER SET utf8mb4 NOT NULL,
  KEY (lease_until)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS shardflux_order (
  shard VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  made_by VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
  made_at DATETIME(6) NOT NULL,
  why VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS shardflux_job (
  job BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  wanted VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  plan MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  state MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  owner VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
  token BIGINT NOT NULL,
  owner_until DATETIME(6) NOT NULL,
  made_at DATETIME(6) NOT NULL,
  ended_at DATETIME(6) NULL,
  error TEXT CHARACTER SET utf8mb4 NULL,
  report TEXT CHARACTER SET ascii COLLATE ascii_bin NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO shardflux_control VALUES (1, 1, UUID(), 0, 0);
