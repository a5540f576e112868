-- Todos in more than one database (docs/explanation/shards.md). In the one of DATABASE_URL: which
-- installation it is, and the version of its map. In a shard: nothing.
CREATE TABLE shard_map (
  is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  -- Each shard stores it, too: a URL that leads to another installation's is noticed.
  installation uuid NOT NULL DEFAULT gen_random_uuid(),
  -- 0 while the map is being made; raised in the transaction that changes a row of shard_partitions.
  version      bigint NOT NULL
);
-- Which shard each partition of the log is applied to: all there are, from 0 on.
CREATE TABLE shard_partitions (
  partition integer PRIMARY KEY CHECK (partition >= 0),
  shard     text NOT NULL
);
-- In a shard: which one it is.
CREATE TABLE shard_identity (
  is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  installation uuid NOT NULL,
  name         text NOT NULL
);
-- What is left to do with todos of a team in another database, written in the transaction that ends a
-- membership or the team. A worker does it, and again until it is done.
CREATE TABLE team_chores (
  team_id     text COLLATE "C" NOT NULL,
  -- Who is to do nothing there any more. Empty: all todos of the team are to go.
  user_id     text COLLATE "C" NOT NULL,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_chores_due ON team_chores (next_try_at);
-- Whose the shared todo is, where the todo may be in another database. Of shares from before: none.
ALTER TABLE todo_shares ADD COLUMN owner_id text COLLATE "C";
CREATE INDEX todo_shares_by_owner ON todo_shares (owner_id) WHERE owner_id IS NOT NULL;
