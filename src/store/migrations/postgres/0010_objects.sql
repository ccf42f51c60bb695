-- What tenants own, in the configuration's own words. One row an object: `document` is JSON without secrets, `sealed` holds
-- those that must be read again, encrypted under the switch's key with the object's id beside them.
CREATE TABLE objects (
    id BIGINT PRIMARY KEY,
    -- `tenant`, `key`, `agent`, `number`, `trunk`, `application` or `webhook_endpoint`.
    kind TEXT NOT NULL,
    tenant BIGINT NOT NULL,
    -- Within what the name is unique: the tenant, or 0 for names that all tenants share (tenants', keys').
    scope BIGINT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    sealed TEXT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX objects_by_name ON objects (kind, scope, name);

-- `version` grows with every transaction that changes an object. Ids begin above tenant 1, which is the file's, and stay
-- below 2^32, where no id of the file's is.
CREATE TABLE objects_state (version BIGINT NOT NULL, next_id BIGINT NOT NULL);
INSERT INTO objects_state (version, next_id) VALUES (0, 1001);

-- Answers to creates that came with an idempotency key, sealed: they may show a secret.
CREATE TABLE object_promises (
    key_id BIGINT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, idempotency_key)
);

CREATE INDEX object_promises_by_time ON object_promises (created_at);
