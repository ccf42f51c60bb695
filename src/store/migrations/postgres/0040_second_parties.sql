-- The call that a second party was called for.
ALTER TABLE calls ADD COLUMN parent BIGINT;
