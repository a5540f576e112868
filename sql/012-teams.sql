-- Teams: who is in them, and who is asked to be.

CREATE TABLE teams (
  id         text COLLATE "C" PRIMARY KEY,
  name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE team_members (
  team_id   text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
  user_id   text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  role      text NOT NULL CHECK (role IN ('admin', 'member')),
  joined_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_newest_first ON team_members (team_id, joined_at DESC, user_id DESC);
CREATE INDEX teams_of_user ON team_members (user_id, joined_at DESC, team_id DESC);

-- Open invitations: a row is gone when it was accepted, declined or withdrawn.
CREATE TABLE team_invitations (
  id         text COLLATE "C" PRIMARY KEY,
  team_id    text COLLATE "C" NOT NULL REFERENCES teams ON DELETE CASCADE,
  -- Normalised, as in users; there may be no such account yet.
  email      text COLLATE "C" NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
  -- SHA-256: who reads this table can't make a token from it.
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  UNIQUE (team_id, email)
);
CREATE INDEX team_invitations_newest_first ON team_invitations (team_id, created_at DESC, id DESC);
CREATE INDEX invitations_of_address ON team_invitations (email, created_at DESC, id DESC);
CREATE INDEX team_invitations_by_end ON team_invitations (expires_at);

-- A team has an admin, whatever a statement of ours forgets. Checked as a transaction commits, under the
-- lock of the team's row: of two that take away an admin each, the second sees what the first has done.
CREATE FUNCTION refuse_team_without_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM teams WHERE id = OLD.team_id FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (
    SELECT FROM team_members WHERE team_id = OLD.team_id AND role = 'admin'
  ) THEN
    RAISE EXCEPTION 'team % would have no admin', OLD.team_id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER keeps_an_admin AFTER DELETE OR UPDATE OF role, team_id ON team_members
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (OLD.role = 'admin') EXECUTE FUNCTION refuse_team_without_admin();
