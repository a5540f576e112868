-- Whoever watches a shared todo loses it with the share, a membership, the todo or an account. Who else may
-- see the todo is a matter of many rows: so all who watch it are asked again. `*`: any channel, anybody.

CREATE FUNCTION end_access_of_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM end_access('todo:' || todo_id, '*') FROM (SELECT DISTINCT todo_id FROM ended) AS todos;
  RETURN NULL;
END $$;
CREATE TRIGGER ends_access AFTER DELETE ON todo_shares REFERENCING OLD TABLE AS ended
FOR EACH STATEMENT EXECUTE FUNCTION end_access_of_shares();

-- Any number of todos may be shared with a team: who leaves it is asked again for all that he watches.
CREATE OR REPLACE FUNCTION end_access_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM end_access('team:' || OLD.team_id, OLD.user_id);
  IF EXISTS (SELECT FROM todo_shares WHERE team_id = OLD.team_id) THEN
    PERFORM end_access('*', OLD.user_id);
  END IF;
  RETURN NULL;
END $$;
