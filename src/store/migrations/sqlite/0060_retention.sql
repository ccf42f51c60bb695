-- What is older than it is kept is found without going through what is not.
CREATE INDEX calls_ended ON calls (ended_at, call) WHERE state = 'ended';
CREATE INDEX calls_recorded_until ON calls (ended_at, call) WHERE recording IS NOT NULL;
