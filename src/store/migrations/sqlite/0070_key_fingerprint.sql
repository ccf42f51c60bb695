-- What is known of the switch's key, under which `objects.sealed` is sealed: another one is refused. NULL until a key was seen.
ALTER TABLE objects_state ADD COLUMN key_fingerprint TEXT;
