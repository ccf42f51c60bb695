-- Times are milliseconds since 1970-01-01T00:00:00Z; words are those of `crate::model`.
CREATE TABLE calls (
    call BIGINT PRIMARY KEY,
    tenant BIGINT NOT NULL,
    key_id BIGINT,
    agent BIGINT NOT NULL,
    direction TEXT NOT NULL,
    from_number TEXT NOT NULL,
    to_number TEXT NOT NULL,
    trunk TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    campaign TEXT,
    metadata TEXT,
    unknown_variables TEXT,
    webhook_url TEXT,
    webhook_face TEXT,
    webhook_key BIGINT,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ringing_at BIGINT,
    answered_at BIGINT,
    ended_at BIGINT,
    disposition TEXT,
    ended_by TEXT,
    sip_status BIGINT,
    q850 BIGINT,
    detail TEXT,
    verdict TEXT,
    verdict_reason TEXT,
    verdict_evidence TEXT,
    dead_air_ms BIGINT,
    recording TEXT,
    recording_error TEXT,
    -- While the call is answered: what a BYE needs after a crash.
    dialog TEXT,
    idempotency_key TEXT,
    body_hash TEXT,
    response_status BIGINT,
    response_body TEXT
);

-- A repeated request finds its first answer; two at once make one call.
CREATE UNIQUE INDEX calls_idempotency ON calls (key_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX calls_by_time ON calls (tenant, created_at, call);
CREATE INDEX calls_by_agent ON calls (tenant, agent, created_at, call);
-- Recovery reads what is alive and nothing else.
CREATE INDEX calls_unfinished ON calls (call) WHERE state <> 'ended';

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call BIGINT NOT NULL REFERENCES calls (call),
    event TEXT NOT NULL,
    -- Scheme, host and port of the call's webhook.
    receiver TEXT NOT NULL,
    -- `pending`, `delivered` or `dead`.
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- While a try is under way: when its lease lapses.
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    body TEXT,
    reason TEXT,
    settled_at BIGINT
);

CREATE INDEX outbox_due ON outbox (receiver, due_at) WHERE state = 'pending';
CREATE INDEX outbox_by_call ON outbox (call, id);

-- The first id that nobody has leased.
CREATE TABLE call_ids (next BIGINT NOT NULL);
INSERT INTO call_ids (next) VALUES (1);

-- Written to learn whether the database takes writes again.
CREATE TABLE probe (written BIGINT NOT NULL);
INSERT INTO probe (written) VALUES (0);
