-- Shards that have joined the map and are home of no partition: buckets can be moved to them. In
-- DATABASE_URL, and changed in the transaction that raises the version.
ALTER TABLE shard_map ADD COLUMN added text[] NOT NULL DEFAULT '{}';
