-- Money is micros: whole millionths of the account's currency unit.
CREATE TABLE accounts (
    tenant BIGINT PRIMARY KEY,
    currency TEXT NOT NULL,
    -- The sum of its ledger, kept by `ledger_sums`.
    balance BIGINT NOT NULL DEFAULT 0,
    reload_threshold BIGINT,
    reload_amount BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE ledger (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant BIGINT NOT NULL REFERENCES accounts (tenant),
    -- `hold`, `release`, `charge`, `top_up`, `credit`, `adjustment`.
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    -- Not a reference: an entry outlives its call.
    call BIGINT,
    key_id BIGINT,
    reference TEXT,
    created_at BIGINT NOT NULL
);

CREATE INDEX ledger_by_tenant ON ledger (tenant, id);
-- What a day has cost.
CREATE INDEX ledger_charges ON ledger (created_at) WHERE kind = 'charge';
-- A call is held, released and charged once; a top-up is credited once, and so is what the operator gave a name.
CREATE UNIQUE INDEX ledger_once_a_call ON ledger (call, kind) WHERE call IS NOT NULL;
CREATE UNIQUE INDEX ledger_once_a_reference ON ledger (tenant, kind, reference) WHERE reference IS NOT NULL;

-- What is kept back now, kept by `ledger_sums`.
CREATE TABLE holds (
    call BIGINT PRIMARY KEY,
    tenant BIGINT NOT NULL,
    key_id BIGINT,
    amount BIGINT NOT NULL
);

-- Once a statement, however many entries it adds: an account's row is written once a commit.
CREATE FUNCTION ledger_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET balance = balance + s.amount
        FROM (SELECT tenant, sum(amount)::bigint AS amount FROM added GROUP BY tenant) AS s
        WHERE accounts.tenant = s.tenant;
    INSERT INTO holds (call, tenant, key_id, amount)
        SELECT call, tenant, key_id, -amount FROM added WHERE kind = 'hold';
    DELETE FROM holds USING added WHERE added.kind = 'release' AND holds.call = added.call;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_sums AFTER INSERT ON ledger REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_sums();

CREATE FUNCTION ledger_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only added to';
END $$;
CREATE TRIGGER ledger_is_only_added_to BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_only_added_to();

CREATE TABLE rates (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant BIGINT NOT NULL,
    prefix TEXT NOT NULL,
    per_minute BIGINT NOT NULL,
    first_interval BIGINT NOT NULL,
    next_interval BIGINT NOT NULL,
    minimum BIGINT NOT NULL,
    connection_fee BIGINT NOT NULL,
    valid_from BIGINT,
    valid_until BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE top_ups (
    id TEXT PRIMARY KEY,
    tenant BIGINT NOT NULL REFERENCES accounts (tenant),
    amount BIGINT NOT NULL,
    -- `request` or `auto_reload`.
    source TEXT NOT NULL,
    -- `pending`, `confirmed` or `declined`.
    state TEXT NOT NULL,
    key_id BIGINT,
    idempotency_key TEXT,
    body_hash TEXT,
    reason TEXT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);

CREATE UNIQUE INDEX top_ups_idempotency ON top_ups (key_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX top_ups_one_reload ON top_ups (tenant) WHERE source = 'auto_reload' AND state = 'pending';
CREATE INDEX top_ups_pending ON top_ups (created_at) WHERE state = 'pending';

-- What is held for the call and at which price, as JSON; what it cost.
ALTER TABLE calls ADD COLUMN hold TEXT;
ALTER TABLE calls ADD COLUMN charge BIGINT;
