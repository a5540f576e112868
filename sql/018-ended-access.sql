-- Who lost sight of a channel, and when: whoever watches it then is told, in every server process. Written by
-- triggers, in the transaction that takes the access away, so that no way of taking it can be forgotten.

CREATE TABLE ended_access (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel  text COLLATE "C" NOT NULL,
  user_id  text COLLATE "C" NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ended_access_by_time ON ended_access (ended_at);

CREATE FUNCTION end_access(channel text, user_id text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ended_access (channel, user_id) VALUES (channel, user_id);
  SELECT pg_notify('todos_access_ended', channel || ' ' || user_id);
$$;

CREATE FUNCTION end_access_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM end_access('team:' || OLD.team_id, OLD.user_id);
  RETURN NULL;
END $$;
CREATE TRIGGER ends_access AFTER DELETE ON team_members
FOR EACH ROW EXECUTE FUNCTION end_access_of_member();
