-- A database that had all todos has become the first shard (docs/explanation/shards.md). In DATABASE_URL:
-- which shard has the todos whose ids have no bucket. None where the map was made for empty databases.
ALTER TABLE shard_map ADD COLUMN adopted text;
-- An Idempotency-Key that was claimed before this makes an id without a bucket, as it did the first time.
-- Infinity while servers may be running that know of no shards. Then no bucket is moved.
ALTER TABLE shard_map ADD COLUMN keys_without_bucket_until timestamptz;

-- For the trigger that such a database of DATABASE_URL gets: what it has of todos is a copy that is not asked
-- any more. Not of class 22 or 23, which a worker takes for a fault of the command: it is to try for ever.
CREATE FUNCTION refuse_todos_outside_shards() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the todos are in shards now: set DATABASE_SHARDS, and start this process again'
    USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
