-- Events for those who watch a list, where no Redis keeps them, and what workers have still to append.

-- A list that is watched, and how far its events are numbered. Numbers count within an epoch only.
CREATE TABLE event_channels (
  channel    text COLLATE "C" PRIMARY KEY,
  epoch      text NOT NULL,
  last       bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Up to which of its batches each source has appended.
CREATE TABLE event_sources (
  channel text COLLATE "C" NOT NULL REFERENCES event_channels ON DELETE CASCADE,
  source  text COLLATE "C" NOT NULL,
  number  bigint NOT NULL,
  PRIMARY KEY (channel, source)
) WITH (fillfactor = 50);

-- The newest events of each channel: those that were appended together are one row, a line each.
CREATE TABLE channel_events (
  channel text COLLATE "C" NOT NULL REFERENCES event_channels ON DELETE CASCADE,
  last    bigint NOT NULL,
  lines   text NOT NULL,
  PRIMARY KEY (channel, last)
);
ALTER TABLE channel_events ALTER COLUMN lines SET STORAGE EXTERNAL;

-- What a worker has changed and not appended yet: written in the transaction of the change. One row for
-- each transaction. Its rows are deleted with a later one; any worker may append what another has left.
CREATE TABLE event_outbox (
  -- A partition of one log, and the offset after the batch: its rows come in this order.
  source  text COLLATE "C" NOT NULL,
  number  bigint NOT NULL,
  -- Public todos that were made, by id: who appends for another reads them.
  created text[],
  -- All other events: a line each, its channel, a space and its body.
  events  text,
  -- Neither of both: there were too many to keep, and nobody knows which.
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (source, number)
);
-- They live for milliseconds.
ALTER TABLE event_outbox ALTER COLUMN created SET STORAGE EXTERNAL;
ALTER TABLE event_outbox ALTER COLUMN events SET STORAGE EXTERNAL;
