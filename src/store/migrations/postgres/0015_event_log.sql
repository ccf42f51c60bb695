-- What happened, for whoever listens. An id is never given twice, and ids are in the order of their commits: one connection writes.
CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant BIGINT NOT NULL,
    call BIGINT NOT NULL,
    event TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX events_by_tenant ON events (tenant, id);
CREATE INDEX events_by_call ON events (call);

-- Up to which of a tenant's events none are kept any more.
CREATE TABLE events_forgotten (tenant BIGINT PRIMARY KEY, through BIGINT NOT NULL);

-- The tenant's own receivers of a call's events, frozen when it was accepted: a JSON array.
ALTER TABLE calls ADD COLUMN webhook_endpoints TEXT;
-- What its audio met with: a JSON object.
ALTER TABLE calls ADD COLUMN media TEXT;
CREATE INDEX calls_of_batches ON calls (batch, created_at, call) WHERE batch IS NOT NULL;
CREATE INDEX calls_recorded ON calls (tenant, created_at, call) WHERE recording IS NOT NULL;

ALTER TABLE outbox ADD COLUMN tenant BIGINT NOT NULL DEFAULT 0;
-- The row of `events`; of rows from before there were any, NULL.
ALTER TABLE outbox ADD COLUMN event_id BIGINT;
-- One of the tenant's endpoints; 0 is the call's own receiver.
ALTER TABLE outbox ADD COLUMN endpoint BIGINT NOT NULL DEFAULT 0;
-- When it was replayed: from then on its tries count their time anew.
ALTER TABLE outbox ADD COLUMN replayed_at BIGINT;
UPDATE outbox SET tenant = (SELECT c.tenant FROM calls AS c WHERE c.call = outbox.call);

DROP INDEX outbox_by_call;
CREATE INDEX outbox_by_call ON outbox (call, endpoint, id);
CREATE INDEX outbox_by_tenant ON outbox (tenant, id);
CREATE INDEX outbox_dead ON outbox (endpoint, id) WHERE state = 'dead' AND endpoint <> 0;
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE state <> 'pending';

CREATE TABLE delivery_attempts (
    delivery BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    -- The HTTP status; without one, `error` says why there is none.
    status BIGINT,
    error TEXT,
    -- The beginning of the answer's body.
    response TEXT,
    PRIMARY KEY (delivery, attempt)
);
