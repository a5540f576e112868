-- Which log the positions in command_offsets belong to. An offset means something in one log only: in
-- a topic that was made again, or in another cluster's of the same name, commands would be skipped.

CREATE TABLE command_logs (
  log           text PRIMARY KEY,
  -- kafka:<cluster id>:<topic id>, or postgres:<uuid made with the log>.
  identity      text NOT NULL,
  -- What commands are spread over. A topic may have more partitions; it is this number that servers
  -- hash by, so that a todo's commands stay in one partition while the topic grows.
  partitions    integer NOT NULL CHECK (partitions > 0),
  -- Until then servers publish nothing: npm run command-log -- partitions N is changing the number.
  closed_until  timestamptz,
  registered_at timestamptz NOT NULL DEFAULT now()
);

-- A log's identity is that of its partition 0. Made with the row, also by servers from before this
-- migration; a log that is deleted and made again has another.
ALTER TABLE command_log_partitions ADD COLUMN identity uuid NOT NULL DEFAULT gen_random_uuid();

-- Two logs of one name can each have a record that never applies at the same offset. Servers from
-- before this migration leave it empty.
ALTER TABLE dead_letters ADD COLUMN identity text NOT NULL DEFAULT '';
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_log_partition_record_offset_key;
ALTER TABLE dead_letters ADD UNIQUE (log, identity, partition, record_offset);
