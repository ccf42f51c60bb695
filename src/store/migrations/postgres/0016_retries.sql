-- Calling again, and pausing by itself, for campaigns that asked for it.
ALTER TABLE campaigns ADD COLUMN retry_max BIGINT NOT NULL DEFAULT 1;
ALTER TABLE campaigns ADD COLUMN retry_wait_ms BIGINT NOT NULL DEFAULT 0;
-- The ends after which somebody is called again, each between commas; NULL: nobody is.
ALTER TABLE campaigns ADD COLUMN retry_on TEXT;
-- After so many calls in succession that could not be carried it pauses; NULL: never.
ALTER TABLE campaigns ADD COLUMN breaker_max BIGINT;
ALTER TABLE campaigns ADD COLUMN breaker_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE recipients ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
UPDATE recipients SET attempts = 1 WHERE call IS NOT NULL;

CREATE OR REPLACE FUNCTION trunkline_dial_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipients AS r SET state = 'dialing', call = n.call, lease_until = NULL, attempts = r.attempts + 1,
        disposition = NULL FROM new_rows AS n
        WHERE n.recipient IS NOT NULL AND r.campaign = n.batch AND r.position = n.recipient AND r.state = 'claimed';
    RETURN NULL;
END $$;

-- Who is to be called again goes back to those who wait, and is no longer dialing when the last statement looks. A person
-- who answered is left in peace. Of calls that end in one statement, those after the last one that was carried count.
CREATE OR REPLACE FUNCTION trunkline_end_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaigns AS c SET breaker_count = CASE WHEN m.carried THEN 0 ELSE c.breaker_count END + m.failures
        FROM (
            SELECT t.batch, bool_or(NOT t.is_failure) AS carried,
                count(*) FILTER (WHERE t.is_failure AND t.ended_at >= coalesce(t.last_carried, t.ended_at)) AS failures
            FROM (
                SELECT f.*, max(f.ended_at) FILTER (WHERE NOT f.is_failure) OVER (PARTITION BY f.batch) AS last_carried
                FROM (
                    SELECT n.batch, n.ended_at,
                        n.disposition IN ('trunk_failed', 'network_blocked', 'agent_failed', 'media_lost') AS is_failure
                    FROM new_rows AS n JOIN recipients AS r
                        ON r.campaign = n.batch AND r.position = n.recipient AND r.call = n.call AND r.state = 'dialing'
                    WHERE n.recipient IS NOT NULL AND n.state = 'ended') AS f) AS t
            GROUP BY t.batch) AS m
        WHERE c.campaign = m.batch AND c.breaker_max IS NOT NULL;
    UPDATE recipients AS r SET state = 'pending', disposition = n.disposition, due_at = n.ended_at + c.retry_wait_ms
        FROM new_rows AS n JOIN campaigns AS c ON c.campaign = n.batch
        WHERE n.recipient IS NOT NULL AND n.state = 'ended' AND r.campaign = n.batch AND r.position = n.recipient
            AND r.call = n.call AND r.state = 'dialing'
            AND (n.answered_at IS NULL OR n.disposition = 'voicemail_detected')
            AND c.status <> 'cancelled' AND r.attempts < c.retry_max AND strpos(c.retry_on, ',' || n.disposition || ',') > 0;
    UPDATE recipients AS r SET state = CASE n.disposition WHEN 'indeterminate' THEN 'indeterminate' ELSE 'ended' END,
        answered = CASE WHEN n.answered_at IS NULL THEN 0 ELSE 1 END, disposition = n.disposition, ended_at = n.ended_at,
        variables = NULL, prompt = NULL
        FROM new_rows AS n
        WHERE n.recipient IS NOT NULL AND n.state = 'ended' AND r.campaign = n.batch AND r.position = n.recipient
            AND r.call = n.call AND r.state = 'dialing';
    UPDATE campaigns AS c SET status = 'paused', reason = 'breaker'
        FROM (SELECT DISTINCT batch FROM new_rows WHERE recipient IS NOT NULL AND state = 'ended') AS n
        WHERE c.campaign = n.batch AND c.status = 'running' AND c.breaker_count >= c.breaker_max;
    UPDATE recipients AS r SET state = 'pending', lease_until = NULL
        FROM (SELECT DISTINCT batch FROM new_rows WHERE recipient IS NOT NULL AND state = 'ended') AS n
        JOIN campaigns AS c ON c.campaign = n.batch
        WHERE r.campaign = n.batch AND r.state = 'claimed' AND r.lease_until >= 0
            AND c.status = 'paused' AND c.reason = 'breaker';
    RETURN NULL;
END $$;

-- A call that never started: nobody was dialled.
CREATE OR REPLACE FUNCTION trunkline_return_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipients AS r SET state = 'pending', call = NULL, attempts = r.attempts - 1 FROM old_rows AS o
        WHERE o.recipient IS NOT NULL AND r.campaign = o.batch AND r.position = o.recipient AND r.call = o.call
            AND r.state = 'dialing';
    RETURN NULL;
END $$;
