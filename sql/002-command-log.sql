-- The command log in Postgres, for the embedded stack: dense offsets in partitions, as in Kafka.

-- A publisher locks the partitions it writes to, so that offsets become visible in order and
-- without holes: a plain sequence would show 7 before 6 is committed, and 6 would be skipped.
CREATE TABLE command_log_partitions (
  log         text NOT NULL,
  partition   integer NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (log, partition)
);

CREATE TABLE command_log (
  log           text NOT NULL,
  partition     integer NOT NULL,
  record_offset bigint NOT NULL,
  record        bytea NOT NULL,
  PRIMARY KEY (log, partition, record_offset)
);

-- One row a partition; whoever holds its row lock is applying that partition. Apart from
-- command_log_partitions, so that consumers and publishers never wait for each other.
CREATE TABLE command_log_claims (
  log       text NOT NULL,
  partition integer NOT NULL,
  PRIMARY KEY (log, partition)
);
