-- Batch campaigns. A campaign's counters follow its recipients' states, and those its calls', by triggers: whoever writes a
-- call moves all three in one transaction.
CREATE TABLE campaigns (
    campaign INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    agent INTEGER NOT NULL,
    from_number TEXT NOT NULL,
    name TEXT,
    -- Erased when the last attempt has ended.
    prompt TEXT,
    -- `creating` until all its recipients are there; then as in `crate::model::CampaignStatus`.
    status TEXT NOT NULL,
    reason TEXT,
    zone TEXT NOT NULL,
    window_start INTEGER,
    window_end INTEGER,
    window_days TEXT,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    launched_at INTEGER,
    ended_at INTEGER,
    invalid INTEGER NOT NULL,
    total INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    active INTEGER NOT NULL DEFAULT 0,
    answered INTEGER NOT NULL DEFAULT 0,
    unanswered INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    indeterminate INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    body_hash TEXT,
    response_status INTEGER,
    response_body TEXT
) STRICT;

CREATE UNIQUE INDEX campaigns_idempotency ON campaigns (key_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX campaigns_by_tenant ON campaigns (tenant, campaign);
CREATE INDEX campaigns_open ON campaigns (campaign)
    WHERE status IN ('scheduled', 'running') OR (status = 'cancelled' AND pending > 0);
CREATE INDEX campaigns_creating ON campaigns (campaign) WHERE status = 'creating';

CREATE TABLE recipients (
    campaign INTEGER NOT NULL REFERENCES campaigns (campaign),
    position INTEGER NOT NULL,
    phone TEXT NOT NULL,
    -- Erased when the recipient's call has ended.
    variables TEXT,
    prompt TEXT,
    state TEXT NOT NULL DEFAULT 'pending',
    due_at INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    call INTEGER,
    answered INTEGER NOT NULL DEFAULT 0,
    disposition TEXT,
    reason TEXT,
    ended_at INTEGER,
    PRIMARY KEY (campaign, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX recipients_due ON recipients (campaign, due_at, position) WHERE state = 'pending';
CREATE INDEX recipients_claimed ON recipients (campaign, lease_until) WHERE state = 'claimed';

ALTER TABLE calls ADD COLUMN batch INTEGER;
ALTER TABLE calls ADD COLUMN recipient INTEGER;
-- Single calls that name a campaign count in its report.
CREATE INDEX calls_of_campaigns ON calls (tenant, campaign) WHERE campaign IS NOT NULL AND batch IS NULL;

CREATE TRIGGER calls_dial_recipients AFTER INSERT ON calls WHEN NEW.recipient IS NOT NULL
BEGIN
    UPDATE recipients SET state = 'dialing', call = NEW.call, lease_until = NULL
        WHERE campaign = NEW.batch AND position = NEW.recipient AND state = 'claimed';
END;

CREATE TRIGGER calls_end_recipients AFTER UPDATE OF state ON calls
WHEN NEW.recipient IS NOT NULL AND NEW.state = 'ended' AND OLD.state <> 'ended'
BEGIN
    UPDATE recipients SET state = CASE NEW.disposition WHEN 'indeterminate' THEN 'indeterminate' ELSE 'ended' END,
        answered = NEW.answered_at IS NOT NULL, disposition = NEW.disposition, ended_at = NEW.ended_at, variables = NULL,
        prompt = NULL
        WHERE campaign = NEW.batch AND position = NEW.recipient AND call = NEW.call AND state = 'dialing';
END;

-- A call that never started: nobody was dialled.
CREATE TRIGGER calls_return_recipients AFTER DELETE ON calls WHEN OLD.recipient IS NOT NULL
BEGIN
    UPDATE recipients SET state = 'pending', call = NULL
        WHERE campaign = OLD.batch AND position = OLD.recipient AND call = OLD.call AND state = 'dialing';
END;

CREATE TRIGGER recipients_are_counted AFTER UPDATE OF state ON recipients WHEN NEW.state <> OLD.state
BEGIN
    UPDATE campaigns SET
        pending = pending + (NEW.state IN ('pending', 'claimed')) - (OLD.state IN ('pending', 'claimed')),
        active = active + (NEW.state = 'dialing') - (OLD.state = 'dialing'),
        answered = answered + (NEW.state = 'ended' AND NEW.answered = 1),
        unanswered = unanswered + (NEW.state = 'ended' AND NEW.answered = 0),
        failed = failed + (NEW.state = 'failed'),
        indeterminate = indeterminate + (NEW.state = 'indeterminate'),
        cancelled = cancelled + (NEW.state = 'cancelled')
        WHERE campaign = NEW.campaign;
    UPDATE campaigns SET status = CASE status WHEN 'cancelled' THEN status ELSE 'completed' END, prompt = NULL,
        ended_at = NEW.ended_at
        WHERE campaign = NEW.campaign AND pending = 0 AND active = 0 AND status <> 'creating' AND NEW.ended_at IS NOT NULL;
END;
