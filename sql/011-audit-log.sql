-- Who did what to whom. Entries are only added: an UPDATE is refused, and so is a DELETE in a transaction
-- that does not say that it prunes. Against mistakes and faults of ours, not against the table's owner.

CREATE TABLE audit_log (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  -- No reference: the account may go, the entry stays.
  actor_id     text COLLATE "C" NOT NULL,
  action       text NOT NULL,
  subject_kind text NOT NULL,
  subject_id   text COLLATE "C" NOT NULL,
  details      jsonb NOT NULL CHECK (octet_length(details::text) <= 1000),
  request_id   text NOT NULL
);
CREATE INDEX audit_log_by_subject ON audit_log (subject_kind, subject_id, id DESC);
-- Entries arrive in time order and are pruned by age.
CREATE INDEX audit_log_by_age ON audit_log USING brin (at);

CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('todos.prunes_audit_log', true) = 'yes' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only: % refused', TG_OP;
END $$;
-- One for each statement: a prune of thousands of rows asks once.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log();
