-- Roles, disabled accounts, single-use tokens and the mail that carries them.

ALTER TABLE users ADD COLUMN role text NOT NULL DEFAULT 'user'
  CHECK (role IN ('user', 'system-admin'));
-- Set: it can't log in, and has no session that goes on.
ALTER TABLE users ADD COLUMN disabled_at timestamptz(3);
-- Set: whoever has the account has read mail that was sent to its address.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz(3);
CREATE INDEX users_system_admins ON users (created_at, id) WHERE role = 'system-admin';
CREATE INDEX users_newest_first ON users (created_at DESC, id DESC);

-- A session outlives its account, revoked: an access token of it may be good for a day, and server
-- processes read here that it is not.
ALTER TABLE sessions ALTER COLUMN user_id DROP NOT NULL;
ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey;
ALTER TABLE sessions ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL;

-- The newest token of each purpose: a newer one takes its place.
CREATE TABLE account_tokens (
  user_id    text COLLATE "C" NOT NULL REFERENCES users ON DELETE CASCADE,
  purpose    text NOT NULL CHECK (purpose IN ('verify-email', 'reset-password')),
  -- SHA-256: who reads this table can't make a token from it.
  hash       bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, purpose)
);

-- What is to be sent. A worker composes it when it sends it, so that no row holds a secret, and a
-- request for an address without an account writes the same row as one for an address with one.
CREATE TABLE mail_outbox (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        text NOT NULL,
  address     text COLLATE "C" NOT NULL,
  attempts    integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT now()
);
-- Who asks again before it is being sent gets one mail; who asks while it is, gets another.
CREATE UNIQUE INDEX mail_outbox_waiting ON mail_outbox (kind, address) WHERE attempts = 0;
CREATE INDEX mail_outbox_due ON mail_outbox (next_try_at);
