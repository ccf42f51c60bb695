-- The INVITEs of a call that made more than one: a JSON array, the last one last.
ALTER TABLE calls ADD COLUMN invites TEXT;
