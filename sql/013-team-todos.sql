-- Todos of a team. They are personal to older servers, which therefore list them nowhere in public; to
-- whoever made one they show it among his own. Let nobody make one (/api/teams/…/todos) before the last
-- such server has gone. Older workers make dead letters of commands for them.

-- No reference to teams, nor to users: to check it would cost every creation of a public todo. A todo is
-- made under the lock of a membership, and who deletes a team deletes its memberships before its todos.
ALTER TABLE todos ADD COLUMN team_id text COLLATE "C";
-- A member of the team, who is to do it. Cleared in the transaction that ends the membership.
ALTER TABLE todos ADD COLUMN assignee_id text COLLATE "C";
ALTER TABLE todos ADD CHECK (team_id IS NULL OR is_personal);
ALTER TABLE todos ADD CHECK (assignee_id IS NULL OR team_id IS NOT NULL);

CREATE INDEX team_todos_newest_first ON todos (team_id, created_at DESC, id DESC)
  WHERE team_id IS NOT NULL;
CREATE INDEX assigned_todos ON todos (team_id, assignee_id) WHERE assignee_id IS NOT NULL;
-- Beside personal_todos_newest_first, which older servers read. A later migration can drop that.
CREATE INDEX own_todos_newest_first ON todos (user_id, created_at DESC, id DESC)
  WHERE is_personal AND team_id IS NULL;

-- A version for each team's pages, as personal_lists has one for each user's.
CREATE TABLE team_lists (
  team_id text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL
);
