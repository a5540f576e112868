-- Todos of one user alone: in no public list, and not there at all for anybody else. A server from
-- before this migration knows nothing of that, and lists them: let nobody make one (/api/todos) before
-- the last such server has gone, and do not go back to one.

ALTER TABLE todos ADD COLUMN is_personal boolean NOT NULL DEFAULT false;

DROP INDEX todos_newest_first;
CREATE INDEX todos_newest_first ON todos (created_at DESC, id DESC) WHERE NOT is_personal;
CREATE INDEX personal_todos_newest_first ON todos (user_id, created_at DESC, id DESC)
  WHERE is_personal;

-- A version for each user's pages, raised in the transaction that changes one of that user's todos.
-- It begins at the time in microseconds: a database that was made anew is ahead of every older one.
CREATE TABLE personal_lists (
  user_id text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL
);
