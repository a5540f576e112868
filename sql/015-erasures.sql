-- Accounts that were deleted, and what the worker has still to erase of them: todos, keys and pages.

CREATE TABLE erasures (
  -- The last that is known of the account: the row goes when nothing can be written for it any more.
  user_id       text COLLATE "C" PRIMARY KEY,
  -- Its sessions are known to have ended by then, and what was being published has come or failed.
  due_at        timestamptz NOT NULL,
  -- By then its last access token has expired, wherever that its sessions have ended was not heard of.
  last_due_at   timestamptz NOT NULL,
  is_last       boolean NOT NULL DEFAULT false,
  -- A worker is at it, or looks at it again by then.
  claimed_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Where each partition of which log ended once it was due: erased is what was applied up to there.
  log_identity  text,
  log_ends      jsonb
);
