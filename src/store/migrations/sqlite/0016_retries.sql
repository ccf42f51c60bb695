-- Calling again, and pausing by itself, for campaigns that asked for it.
ALTER TABLE campaigns ADD COLUMN retry_max INTEGER NOT NULL DEFAULT 1;
ALTER TABLE campaigns ADD COLUMN retry_wait_ms INTEGER NOT NULL DEFAULT 0;
-- The ends after which somebody is called again, each between commas; NULL: nobody is.
ALTER TABLE campaigns ADD COLUMN retry_on TEXT;
-- After so many calls in succession that could not be carried it pauses; NULL: never.
ALTER TABLE campaigns ADD COLUMN breaker_max INTEGER;
ALTER TABLE campaigns ADD COLUMN breaker_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipients ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
UPDATE recipients SET attempts = 1 WHERE call IS NOT NULL;

DROP TRIGGER calls_dial_recipients;
CREATE TRIGGER calls_dial_recipients AFTER INSERT ON calls WHEN NEW.recipient IS NOT NULL
BEGIN
    UPDATE recipients SET state = 'dialing', call = NEW.call, lease_until = NULL, attempts = attempts + 1,
        disposition = NULL
        WHERE campaign = NEW.batch AND position = NEW.recipient AND state = 'claimed';
END;

DROP TRIGGER calls_end_recipients;
-- Who is to be called again goes back to those who wait, and is no longer dialing when the second statement looks. A person
-- who answered is left in peace.
CREATE TRIGGER calls_end_recipients AFTER UPDATE OF state ON calls
WHEN NEW.recipient IS NOT NULL AND NEW.state = 'ended' AND OLD.state <> 'ended'
BEGIN
    UPDATE recipients SET state = 'pending', disposition = NEW.disposition,
        due_at = NEW.ended_at + (SELECT retry_wait_ms FROM campaigns WHERE campaign = NEW.batch)
        WHERE campaign = NEW.batch AND position = NEW.recipient AND call = NEW.call AND state = 'dialing'
            AND (NEW.answered_at IS NULL OR NEW.disposition = 'voicemail_detected')
            AND EXISTS (SELECT 1 FROM campaigns AS c WHERE c.campaign = NEW.batch AND c.status <> 'cancelled'
                AND recipients.attempts < c.retry_max AND instr(c.retry_on, ',' || NEW.disposition || ',') > 0);
    UPDATE recipients SET state = CASE NEW.disposition WHEN 'indeterminate' THEN 'indeterminate' ELSE 'ended' END,
        answered = NEW.answered_at IS NOT NULL, disposition = NEW.disposition, ended_at = NEW.ended_at, variables = NULL,
        prompt = NULL
        WHERE campaign = NEW.batch AND position = NEW.recipient AND call = NEW.call AND state = 'dialing';
    UPDATE campaigns SET breaker_count = CASE
            WHEN NEW.disposition IN ('trunk_failed', 'network_blocked', 'agent_failed', 'media_lost') THEN breaker_count + 1
            ELSE 0 END
        WHERE campaign = NEW.batch AND breaker_max IS NOT NULL;
    UPDATE campaigns SET status = 'paused', reason = 'breaker'
        WHERE campaign = NEW.batch AND status = 'running' AND breaker_count >= breaker_max;
    UPDATE recipients SET state = 'pending', lease_until = NULL
        WHERE campaign = NEW.batch AND state = 'claimed' AND lease_until >= 0
            AND EXISTS (SELECT 1 FROM campaigns WHERE campaign = NEW.batch AND status = 'paused' AND reason = 'breaker');
END;

-- A call that never started: nobody was dialled.
DROP TRIGGER calls_return_recipients;
CREATE TRIGGER calls_return_recipients AFTER DELETE ON calls WHEN OLD.recipient IS NOT NULL
BEGIN
    UPDATE recipients SET state = 'pending', call = NULL, attempts = attempts - 1
        WHERE campaign = OLD.batch AND position = OLD.recipient AND call = OLD.call AND state = 'dialing';
END;
