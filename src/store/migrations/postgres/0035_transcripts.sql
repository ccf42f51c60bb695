-- What was said in a call: a JSON array of lines, NULL where nobody told it or the agent has none kept.
ALTER TABLE calls ADD COLUMN transcript TEXT;
