-- Todos in more than one database (docs/explanation/shards.md). In the one of DATABASE_URL: which
-- installation it is, and the version of its map. In a shard: nothing.
CREATE TABLE shard_map (
  is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  -- Each shard stores it, too: a URL that leads to another installation's is noticed.
  installation uuid NOT NULL DEFAULT gen_random_uuid(),
  -- 0 while the map is being made; raised in the transaction that changes a row of shard_partitions.
  version      bigint NOT NULL
);
-- Which shard each partition of the log is applied to: all there are, from 0 on.
CREATE TABLE shard_partitions (
  partition integer PRIMARY KEY CHECK (partition >= 0),
  shard     text NOT NULL
);
-- In a shard: which one it is.
CREATE TABLE shard_identity (
  is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  installation uuid NOT NULL,
  name         text NOT NULL
);
