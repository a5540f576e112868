-- Which body a user's Idempotency-Key came with first: another body under the same key is refused.

CREATE TABLE idempotency_keys (
  user_id     text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  -- SHA-256 of what was asked for.
  fingerprint bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING brin (created_at);
