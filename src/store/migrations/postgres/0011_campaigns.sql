-- Batch campaigns. A campaign's counters follow its recipients' states, and those its calls', by triggers: whoever writes a
-- call moves all three in one transaction. The triggers go once a statement, so that a commit of many calls changes a
-- campaign's row once.
CREATE TABLE campaigns (
    campaign BIGINT PRIMARY KEY,
    tenant BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    agent BIGINT NOT NULL,
    from_number TEXT NOT NULL,
    name TEXT,
    -- Erased when the last attempt has ended.
    prompt TEXT,
    -- `creating` until all its recipients are there; then as in `crate::model::CampaignStatus`.
    status TEXT NOT NULL,
    reason TEXT,
    zone TEXT NOT NULL,
    window_start BIGINT,
    window_end BIGINT,
    window_days TEXT,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    launched_at BIGINT,
    ended_at BIGINT,
    invalid BIGINT NOT NULL,
    total BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    active BIGINT NOT NULL DEFAULT 0,
    answered BIGINT NOT NULL DEFAULT 0,
    unanswered BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    indeterminate BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    body_hash TEXT,
    response_status BIGINT,
    response_body TEXT
);

CREATE UNIQUE INDEX campaigns_idempotency ON campaigns (key_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX campaigns_by_tenant ON campaigns (tenant, campaign);
CREATE INDEX campaigns_open ON campaigns (campaign)
    WHERE status IN ('scheduled', 'running') OR (status = 'cancelled' AND pending > 0);
CREATE INDEX campaigns_creating ON campaigns (campaign) WHERE status = 'creating';

CREATE TABLE recipients (
    campaign BIGINT NOT NULL REFERENCES campaigns (campaign),
    position BIGINT NOT NULL,
    phone TEXT NOT NULL,
    -- Erased when the recipient's call has ended.
    variables TEXT,
    prompt TEXT,
    state TEXT NOT NULL DEFAULT 'pending',
    due_at BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    call BIGINT,
    answered BIGINT NOT NULL DEFAULT 0,
    disposition TEXT,
    reason TEXT,
    ended_at BIGINT,
    PRIMARY KEY (campaign, position)
);

CREATE INDEX recipients_due ON recipients (campaign, due_at, position) WHERE state = 'pending';
CREATE INDEX recipients_claimed ON recipients (campaign, lease_until) WHERE state = 'claimed';

ALTER TABLE calls ADD COLUMN batch BIGINT;
ALTER TABLE calls ADD COLUMN recipient BIGINT;
-- Single calls that name a campaign count in its report.
CREATE INDEX calls_of_campaigns ON calls (tenant, campaign) WHERE campaign IS NOT NULL AND batch IS NULL;

CREATE FUNCTION trunkline_dial_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipients AS r SET state = 'dialing', call = n.call, lease_until = NULL FROM new_rows AS n
        WHERE n.recipient IS NOT NULL AND r.campaign = n.batch AND r.position = n.recipient AND r.state = 'claimed';
    RETURN NULL;
END $$;
CREATE TRIGGER calls_dial_recipients AFTER INSERT ON calls REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION trunkline_dial_recipients();

CREATE FUNCTION trunkline_end_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipients AS r SET state = CASE n.disposition WHEN 'indeterminate' THEN 'indeterminate' ELSE 'ended' END,
        answered = CASE WHEN n.answered_at IS NULL THEN 0 ELSE 1 END, disposition = n.disposition, ended_at = n.ended_at,
        variables = NULL, prompt = NULL
        FROM new_rows AS n
        WHERE n.recipient IS NOT NULL AND n.state = 'ended' AND r.campaign = n.batch AND r.position = n.recipient
            AND r.call = n.call AND r.state = 'dialing';
    RETURN NULL;
END $$;
CREATE TRIGGER calls_end_recipients AFTER UPDATE ON calls REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION trunkline_end_recipients();

-- A call that never started: nobody was dialled.
CREATE FUNCTION trunkline_return_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipients AS r SET state = 'pending', call = NULL FROM old_rows AS o
        WHERE o.recipient IS NOT NULL AND r.campaign = o.batch AND r.position = o.recipient AND r.call = o.call
            AND r.state = 'dialing';
    RETURN NULL;
END $$;
CREATE TRIGGER calls_return_recipients AFTER DELETE ON calls REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION trunkline_return_recipients();

CREATE FUNCTION trunkline_count_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaigns AS c SET pending = c.pending + m.pending, active = c.active + m.active,
        answered = c.answered + m.answered, unanswered = c.unanswered + m.unanswered, failed = c.failed + m.failed,
        indeterminate = c.indeterminate + m.indeterminate, cancelled = c.cancelled + m.cancelled,
        status = CASE WHEN m.is_last AND c.status NOT IN ('creating', 'cancelled') THEN 'completed' ELSE c.status END,
        prompt = CASE WHEN m.is_last AND c.status <> 'creating' THEN NULL ELSE c.prompt END,
        ended_at = CASE WHEN m.is_last AND c.status <> 'creating' THEN m.ended_at ELSE c.ended_at END
        FROM (
            SELECT t.*, t.pending + t.active < 0 AND k.pending + t.pending = 0 AND k.active + t.active = 0 AS is_last
            FROM (
                SELECT u.campaign, sum(u.sign * (u.state IN ('pending', 'claimed'))::int) AS pending,
                    sum(u.sign * (u.state = 'dialing')::int) AS active,
                    sum(u.sign * (u.state = 'ended' AND u.answered = 1)::int) AS answered,
                    sum(u.sign * (u.state = 'ended' AND u.answered = 0)::int) AS unanswered,
                    sum(u.sign * (u.state = 'failed')::int) AS failed,
                    sum(u.sign * (u.state = 'indeterminate')::int) AS indeterminate,
                    sum(u.sign * (u.state = 'cancelled')::int) AS cancelled, max(u.ended_at) AS ended_at
                FROM (
                    SELECT 1 AS sign, campaign, state, answered, ended_at FROM new_rows
                    UNION ALL SELECT -1, campaign, state, answered, NULL FROM old_rows) AS u
                GROUP BY u.campaign) AS t
            JOIN campaigns AS k ON k.campaign = t.campaign) AS m
        WHERE c.campaign = m.campaign;
    RETURN NULL;
END $$;
CREATE TRIGGER recipients_are_counted AFTER UPDATE ON recipients
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION trunkline_count_recipients();
