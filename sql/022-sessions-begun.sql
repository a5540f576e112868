-- When a session began, which its owner is shown. Of those from before it is not known. The default comes in a
-- statement of its own: a column that is added with one would have it in every row.
ALTER TABLE sessions ADD COLUMN begun_at timestamptz;
ALTER TABLE sessions ALTER COLUMN begun_at SET DEFAULT now();
