-- What happened, for whoever listens. An id is never given twice, and ids are in the order of their commits: one connection writes.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    call INTEGER NOT NULL,
    event TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_tenant ON events (tenant, id);
CREATE INDEX events_by_call ON events (call);

-- Up to which of a tenant's events none are kept any more.
CREATE TABLE events_forgotten (tenant INTEGER PRIMARY KEY, through INTEGER NOT NULL) STRICT;

-- The tenant's own receivers of a call's events, frozen when it was accepted: a JSON array.
ALTER TABLE calls ADD COLUMN webhook_endpoints TEXT;
-- What its audio met with: a JSON object.
ALTER TABLE calls ADD COLUMN media TEXT;
CREATE INDEX calls_of_batches ON calls (batch, created_at, call) WHERE batch IS NOT NULL;
CREATE INDEX calls_recorded ON calls (tenant, created_at, call) WHERE recording IS NOT NULL;

ALTER TABLE outbox ADD COLUMN tenant INTEGER NOT NULL DEFAULT 0;
-- The row of `events`; of rows from before there were any, NULL.
ALTER TABLE outbox ADD COLUMN event_id INTEGER;
-- One of the tenant's endpoints; 0 is the call's own receiver.
ALTER TABLE outbox ADD COLUMN endpoint INTEGER NOT NULL DEFAULT 0;
-- When it was replayed: from then on its tries count their time anew.
ALTER TABLE outbox ADD COLUMN replayed_at INTEGER;
UPDATE outbox SET tenant = (SELECT c.tenant FROM calls AS c WHERE c.call = outbox.call);

DROP INDEX outbox_by_call;
CREATE INDEX outbox_by_call ON outbox (call, endpoint, id);
CREATE INDEX outbox_by_tenant ON outbox (tenant, id);
CREATE INDEX outbox_dead ON outbox (endpoint, id) WHERE state = 'dead' AND endpoint <> 0;
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE state <> 'pending';

CREATE TABLE delivery_attempts (
    delivery INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    -- The HTTP status; without one, `error` says why there is none.
    status INTEGER,
    error TEXT,
    -- The beginning of the answer's body.
    response TEXT,
    PRIMARY KEY (delivery, attempt)
) STRICT, WITHOUT ROWID;
