-- The todos, and what the worker needs to apply each command exactly once.

CREATE TABLE todos (
  id          text COLLATE "C" PRIMARY KEY,
  title       text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
  description text NOT NULL CHECK (char_length(description) <= 2000),
  completed   boolean NOT NULL,
  user_id     text NOT NULL,
  created_at  timestamptz(3) NOT NULL,
  updated_at  timestamptz(3) NOT NULL,
  -- Raised by one for each command applied, so that a double effect can be seen.
  revision    integer NOT NULL
);

-- The order of every list: newest first, ties by id so that a list has one order only.
CREATE INDEX todos_newest_first ON todos (created_at DESC, id DESC);

-- How far each partition of each log has been applied. Written in the transaction that applies the
-- commands: a redelivery, or a worker that lost its partition, fails its compare and changes nothing.
CREATE TABLE command_offsets (
  log         text NOT NULL,
  partition   integer NOT NULL,
  next_offset bigint NOT NULL,
  -- Transactions that changed todos. The sum over all rows is the lists' version.
  batches     bigint NOT NULL,
  PRIMARY KEY (log, partition)
);

-- The lists' version begins at this database's birth in microseconds. A new database is thus ahead
-- of every older one, and a Redis that still holds the lists of another is overruled, not believed.
INSERT INTO command_offsets (log, partition, next_offset, batches)
VALUES ('(born)', 0, 0, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- Every command that took effect or was refused, so that one which was logged twice is applied once.
CREATE TABLE applied_commands (
  command_id text COLLATE "C" PRIMARY KEY,
  outcome    text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
-- Rows arrive in time order and are pruned by age: a BRIN index costs next to nothing for that.
CREATE INDEX applied_commands_by_age ON applied_commands USING brin (applied_at);

-- Records that can never apply, as they came, and why.
CREATE TABLE dead_letters (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  log           text NOT NULL,
  partition     integer NOT NULL,
  record_offset bigint NOT NULL,
  reason        text NOT NULL,
  record        bytea,
  failed_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (log, partition, record_offset)
);
