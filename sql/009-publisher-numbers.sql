-- How far each publisher's records have been dealt with: one row says what a row for each command said.

-- Workers change this table first. A later migration changes it, too, in the same transaction: were it locked
-- only then, behind the table of outcomes, one of the two would end in a deadlock.
LOCK TABLE command_offsets IN ACCESS EXCLUSIVE MODE;

-- A publisher numbers its records, and in one partition they come in that order, but for those that come
-- twice. So a record with a number up to this one was applied, refused or set aside before.
CREATE TABLE publisher_numbers (
  log       text NOT NULL,
  partition integer NOT NULL,
  publisher text COLLATE "C" NOT NULL,
  number    bigint NOT NULL,
  -- For pruning. Without an index, so that each row is changed in place (HOT) again and again.
  heard_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (log, partition, publisher)
) WITH (fillfactor = 50);

-- Rows are left for commands whose outcome somebody asks for, and for those that can come under another
-- stamp or none: a replayed dead letter, an Idempotency-Key, a record of an older server.
ALTER TABLE applied_commands RENAME TO command_outcomes;
ALTER INDEX applied_commands_pkey RENAME TO command_outcomes_pkey;
ALTER INDEX applied_commands_by_age RENAME TO command_outcomes_by_age;

-- From here to the end: for processes from before this migration. A later one can drop it.
-- Servers and scripts read outcomes under the old name. Workers forget the old ones by ctid.
CREATE VIEW applied_commands AS SELECT ctid, command_id, outcome, applied_at FROM command_outcomes;

-- Workers write there, in the transaction that applies: they would raise no number, and what they had
-- applied would be applied again. They keep the records that they cannot apply, and try for ever.
-- The error must not be of class 22 or 23, which they take for a fault of the command itself.
CREATE FUNCTION refuse_older_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'this worker is older than migration 9: upgrade it'
    USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;

CREATE TRIGGER refuse_older_worker INSTEAD OF INSERT ON applied_commands
FOR EACH ROW EXECUTE FUNCTION refuse_older_worker();
