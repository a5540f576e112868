-- The lists' version, in a table of its own: the sum of all its rows. It was the sum of
-- command_offsets.batches, with a row that is no log's, '(born)', for where it began.

-- One row for each partition, so that workers that apply different ones never wait for each other.
CREATE TABLE list_versions (
  -- Whose changes: a partition of a log, or a name in brackets, such as '(born)': the time of this
  -- database's birth in microseconds, so that it is ahead of every older one.
  log       text NOT NULL,
  partition integer NOT NULL,
  changes   bigint NOT NULL,
  PRIMARY KEY (log, partition)
);

-- Nobody applies anything between the copy and the triggers: the version never falls.
LOCK TABLE command_offsets IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO list_versions SELECT log, partition, batches FROM command_offsets;

-- From here to the end: for processes from before this migration, which run beside new ones while a
-- release is rolled out. Old workers raise batches, and new servers must notice; new workers raise
-- list_versions, and old servers must notice. So each raise is carried over, and both sums are the same
-- at any time. A later migration can drop all of it, with the column and the rows in brackets.
ALTER TABLE command_offsets ALTER COLUMN batches SET DEFAULT 0;

CREATE FUNCTION carry_batches_to_list_versions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  raised bigint := NEW.batches - CASE TG_OP WHEN 'UPDATE' THEN OLD.batches ELSE 0 END;
BEGIN
  IF raised <> 0 THEN
    INSERT INTO list_versions AS stored (log, partition, changes)
    VALUES (NEW.log, NEW.partition, raised)
    ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + excluded.changes;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION carry_list_versions_to_batches() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  raised bigint := NEW.changes - CASE TG_OP WHEN 'UPDATE' THEN OLD.changes ELSE 0 END;
BEGIN
  UPDATE command_offsets SET batches = batches + raised
  WHERE log = NEW.log AND partition = NEW.partition;
  IF NOT FOUND THEN
    UPDATE command_offsets SET batches = batches + raised WHERE log = '(born)';
  END IF;
  RETURN NULL;
END $$;

-- Not for what the other one has written.
CREATE TRIGGER carry_batches AFTER INSERT OR UPDATE OF batches ON command_offsets
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION carry_batches_to_list_versions();
CREATE TRIGGER carry_list_versions AFTER INSERT OR UPDATE ON list_versions
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION carry_list_versions_to_batches();
