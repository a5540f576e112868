-- Invitations that are sent by mail. A worker makes the token as it sends the mail, so that no row ever
-- holds it; until then nobody can accept the invitation.
ALTER TABLE team_invitations ALTER COLUMN token_hash DROP NOT NULL;

-- Of a mail that carries an invitation, mail_outbox.address holds the invitation's id: its address is
-- found when it is sent, and whoever withdraws the invitation withdraws the mail.
