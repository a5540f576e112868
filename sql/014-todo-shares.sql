-- Who a personal todo is shared with: a user, a team, or an address.

CREATE TABLE todo_shares (
  id         text COLLATE "C" PRIMARY KEY,
  todo_id    text COLLATE "C" NOT NULL REFERENCES todos ON DELETE CASCADE,
  role       text NOT NULL CHECK (role IN ('viewer', 'editor')),
  team_id    text COLLATE "C" REFERENCES teams ON DELETE CASCADE,
  -- Of a share with an address: the account that it had then. None: it waits for one.
  user_id    text COLLATE "C" REFERENCES users ON DELETE CASCADE,
  -- Normalised, as in users. Kept, so that nobody learns whether it has an account.
  email      text COLLATE "C" CHECK (char_length(email) BETWEEN 3 AND 254),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CHECK (CASE WHEN team_id IS NULL THEN user_id IS NOT NULL OR email IS NOT NULL
    ELSE user_id IS NULL AND email IS NULL END)
);
-- One for each whom it is shared with; they also find the shares of a todo.
CREATE UNIQUE INDEX todo_shares_of_team ON todo_shares (todo_id, team_id) WHERE team_id IS NOT NULL;
CREATE UNIQUE INDEX todo_shares_of_address ON todo_shares (todo_id, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX todo_shares_of_user ON todo_shares (todo_id, user_id)
  WHERE user_id IS NOT NULL AND email IS NULL;
CREATE INDEX todo_shares_newest_first ON todo_shares (todo_id, created_at DESC, id DESC);
CREATE INDEX shared_with_user ON todo_shares (user_id, created_at DESC, todo_id DESC)
  WHERE user_id IS NOT NULL;
CREATE INDEX shared_with_team ON todo_shares (team_id, created_at DESC, todo_id DESC)
  WHERE team_id IS NOT NULL;
CREATE INDEX shared_with_address ON todo_shares (email, created_at DESC, todo_id DESC)
  WHERE user_id IS NULL AND email IS NOT NULL;

-- Who has which role on which todo, by which share: said once, for all who ask. Anybody can register an
-- address that has no account, so a share that waits for one wants it confirmed.
CREATE VIEW todo_sharers AS
  SELECT id AS share_id, todo_id, user_id, role, created_at FROM todo_shares
  WHERE user_id IS NOT NULL
UNION ALL
  SELECT share.id, share.todo_id, member.user_id, share.role, share.created_at
  FROM todo_shares share JOIN team_members member ON member.team_id = share.team_id
UNION ALL
  SELECT share.id, share.todo_id, users.id, share.role, share.created_at
  FROM todo_shares share JOIN users ON users.email = share.email
  WHERE share.user_id IS NULL AND users.email_verified_at IS NOT NULL;

-- The strongest of them.
CREATE VIEW todo_roles AS
  SELECT todo_id, user_id, CASE WHEN bool_or(role = 'editor') THEN 'editor' ELSE 'viewer' END AS role
  FROM todo_sharers GROUP BY todo_id, user_id;
