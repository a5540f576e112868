-- From where a session was begun, so that its owner can tell which it is: a browser in two words, and a network. Neither
-- says which device it is, or which host. Both go with the account, before the session does.
ALTER TABLE sessions ADD COLUMN browser text CHECK (char_length(browser) <= 60);
ALTER TABLE sessions ADD COLUMN network text CHECK (char_length(network) <= 60);
