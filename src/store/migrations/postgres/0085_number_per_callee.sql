-- Whether each callee of a campaign sees the one of its agent's numbers that the agent says; 0 or 1.
ALTER TABLE campaigns ADD COLUMN number_per_callee BIGINT NOT NULL DEFAULT 0;
