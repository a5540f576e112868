-- Buckets that are moved to other shards (docs/explanation/shards.md). Commands of a bucket stay in their
-- partition, whose shard, its home, says in the transaction that applies where they belong.

-- In the home of a partition: its buckets that are in another shard. What it says is the truth.
CREATE TABLE buckets_elsewhere (
  bucket    smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 4095),
  partition integer NOT NULL,
  shard     text NOT NULL
);
-- How often the rows of this partition have changed there: who applies compares it, with the offset.
ALTER TABLE command_offsets ADD COLUMN moves integer NOT NULL DEFAULT 0;

-- In DATABASE_URL: a copy of all of them, so that reads begin in the right place.
CREATE TABLE shard_buckets (
  bucket smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 4095),
  shard  text NOT NULL
);
-- In DATABASE_URL: moves that were begun and are not finished.
CREATE TABLE shard_moves (
  bucket     smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 4095),
  from_shard text NOT NULL,
  to_shard   text NOT NULL,
  begun_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The bucket of the command's todo, so that an outcome moves with it. None of an id without a bucket.
ALTER TABLE command_outcomes ADD COLUMN bucket smallint;

-- As bucketOfOwner() in lib/domain/todo-id.ts: of UTF-16 code units, of which a character has one or two.
CREATE FUNCTION bucket_of_owner(owner_id text) RETURNS smallint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  hash bigint := 2166136261;
  code integer;
BEGIN
  FOR place IN 1 .. char_length(owner_id) LOOP
    code := ascii(substr(owner_id, place, 1));
    IF code > 65535 THEN
      hash := (hash # (55296 + ((code - 65536) >> 10))) * 16777619 & 4294967295;
      code := 56320 + ((code - 65536) & 1023);
    END IF;
    hash := (hash # code) * 16777619 & 4294967295;
  END LOOP;
  RETURN (hash # (hash >> 12) # (hash >> 24)) & 4095;
END $$;
