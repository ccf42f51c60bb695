-- What tenants own, in the configuration's own words. One row an object: `document` is JSON without secrets, `sealed` holds
-- those that must be read again, encrypted under the switch's key with the object's id beside them.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    -- `tenant`, `key`, `agent`, `number`, `trunk`, `application` or `webhook_endpoint`.
    kind TEXT NOT NULL,
    tenant INTEGER NOT NULL,
    -- Within what the name is unique: the tenant, or 0 for names that all tenants share (tenants', keys').
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed TEXT,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX objects_by_name ON objects (kind, scope, name);

-- `version` grows with every transaction that changes an object. Ids begin above tenant 1, which is the file's, and stay
-- below 2^32, where no id of the file's is.
CREATE TABLE objects_state (version INTEGER NOT NULL, next_id INTEGER NOT NULL) STRICT;
INSERT INTO objects_state (version, next_id) VALUES (0, 1001);

-- Answers to creates that came with an idempotency key, sealed: they may show a secret.
CREATE TABLE object_promises (
    key_id INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, idempotency_key)
) STRICT;

CREATE INDEX object_promises_by_time ON object_promises (created_at);
