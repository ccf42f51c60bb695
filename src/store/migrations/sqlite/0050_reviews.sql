-- What is made of a call's words once it is over, as JSON: NULL where nothing is asked for.
ALTER TABLE calls ADD COLUMN review TEXT;

-- Calls that are over and to be gone over. A row is written with the call's end, and goes with the review's.
CREATE TABLE reviews (
    call INTEGER PRIMARY KEY REFERENCES calls (call),
    -- When it may be tried next.
    due_at INTEGER NOT NULL,
    -- Until then a try is under way; 0: none is.
    leased_until INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;

CREATE INDEX reviews_due ON reviews (due_at);
