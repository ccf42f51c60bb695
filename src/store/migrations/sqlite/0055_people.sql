-- Who talked in a call, of the people who take calls in a browser: a JSON array of ids in their order, NULL where nobody did.
ALTER TABLE calls ADD COLUMN people TEXT;
