-- Money is micros: whole millionths of the account's currency unit.
CREATE TABLE accounts (
    tenant INTEGER PRIMARY KEY,
    currency TEXT NOT NULL,
    -- The sum of its ledger, kept by `ledger_sums`.
    balance INTEGER NOT NULL DEFAULT 0,
    reload_threshold INTEGER,
    reload_amount INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES accounts (tenant),
    -- `hold`, `release`, `charge`, `top_up`, `credit`, `adjustment`.
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    -- Not a reference: an entry outlives its call.
    call INTEGER,
    key_id INTEGER,
    reference TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX ledger_by_tenant ON ledger (tenant, id);
-- What a day has cost.
CREATE INDEX ledger_charges ON ledger (created_at) WHERE kind = 'charge';
-- A call is held, released and charged once; a top-up is credited once, and so is what the operator gave a name.
CREATE UNIQUE INDEX ledger_once_a_call ON ledger (call, kind) WHERE call IS NOT NULL;
CREATE UNIQUE INDEX ledger_once_a_reference ON ledger (tenant, kind, reference) WHERE reference IS NOT NULL;

-- What is kept back now, kept by `ledger_sums`.
CREATE TABLE holds (
    call INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    key_id INTEGER,
    amount INTEGER NOT NULL
) STRICT;

CREATE TRIGGER ledger_sums AFTER INSERT ON ledger BEGIN
    UPDATE accounts SET balance = balance + NEW.amount WHERE tenant = NEW.tenant;
    INSERT INTO holds (call, tenant, key_id, amount)
        SELECT NEW.call, NEW.tenant, NEW.key_id, -NEW.amount WHERE NEW.kind = 'hold';
    DELETE FROM holds WHERE NEW.kind = 'release' AND call = NEW.call;
END;

CREATE TRIGGER ledger_is_only_added_to BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
END;
CREATE TRIGGER ledger_loses_nothing BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is only added to');
END;

CREATE TABLE rates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    per_minute INTEGER NOT NULL,
    first_interval INTEGER NOT NULL,
    next_interval INTEGER NOT NULL,
    minimum INTEGER NOT NULL,
    connection_fee INTEGER NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE top_ups (
    id TEXT PRIMARY KEY,
    tenant INTEGER NOT NULL REFERENCES accounts (tenant),
    amount INTEGER NOT NULL,
    -- `request` or `auto_reload`.
    source TEXT NOT NULL,
    -- `pending`, `confirmed` or `declined`.
    state TEXT NOT NULL,
    key_id INTEGER,
    idempotency_key TEXT,
    body_hash TEXT,
    reason TEXT,
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;

CREATE UNIQUE INDEX top_ups_idempotency ON top_ups (key_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX top_ups_one_reload ON top_ups (tenant) WHERE source = 'auto_reload' AND state = 'pending';
CREATE INDEX top_ups_pending ON top_ups (created_at) WHERE state = 'pending';

-- What is held for the call and at which price, as JSON; what it cost.
ALTER TABLE calls ADD COLUMN hold TEXT;
ALTER TABLE calls ADD COLUMN charge INTEGER;
