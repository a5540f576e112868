-- What limits have counted while Redis is away, or where there is none. Unlogged: after a crash the
-- counts begin anew, and no decision waits for a disk. Each row is changed in place again and again,
-- which the free half of each page keeps cheap (HOT); so no column that changes has an index.

-- When the bucket will be full again, in microseconds since the epoch.
CREATE UNLOGGED TABLE rate_limit_buckets (
  key        text COLLATE "C" PRIMARY KEY,
  at_us      bigint NOT NULL,
  full_at_us bigint NOT NULL,
  -- What became of the last request.
  is_allowed boolean NOT NULL,
  -- By then it means nothing any more, and may go.
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE rate_limit_windows (
  key           text COLLATE "C" PRIMARY KEY,
  at_us         bigint NOT NULL,
  -- Of the current window, since the epoch.
  window_number bigint NOT NULL,
  current       bigint NOT NULL,
  previous      bigint NOT NULL,
  is_allowed    boolean NOT NULL,
  expires_at    timestamptz NOT NULL
) WITH (fillfactor = 50);
