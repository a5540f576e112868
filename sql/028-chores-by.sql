-- Who has ended the membership, whom the events of its todos name. Of chores from before: nobody.
ALTER TABLE team_chores ADD COLUMN by_id text;
