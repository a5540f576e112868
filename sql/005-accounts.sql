-- Who may log in, and where they are logged in.

CREATE TABLE users (
  id            text COLLATE "C" PRIMARY KEY,
  -- Normalised by the server: one spelling is one account.
  email         text COLLATE "C" NOT NULL UNIQUE CHECK (char_length(email) BETWEEN 3 AND 254),
  password_hash text NOT NULL,
  created_at    timestamptz(3) NOT NULL DEFAULT now()
);

-- One row for each login: a family of refresh tokens, of which only the newest generation is good.
-- The id is the hash of the family's name: who reads this table cannot make a token from it.
CREATE TABLE sessions (
  id         text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  generation integer NOT NULL,
  rotated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id);
-- For pruning, and for what each server process looks up when it begins to listen.
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
