-- Which move has brought a bucket to where it is (docs/explanation/shards.md). A shard that was restored to
-- an earlier moment shows by this whether it had the bucket by then.

-- In a shard that is not the home of a bucket's partition: written with the copy, deleted with it.
CREATE TABLE guest_buckets (
  bucket smallint PRIMARY KEY CHECK (bucket BETWEEN 0 AND 4095),
  move   uuid NOT NULL
);
-- In the home: the move that the shard must have. Unknown of buckets that an older release has moved.
ALTER TABLE buckets_elsewhere ADD COLUMN move uuid;
