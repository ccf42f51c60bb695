-- Of a campaign's answered recipients, those for whom nobody was free to talk.
ALTER TABLE campaigns ADD COLUMN abandoned INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER recipients_abandoned_are_counted AFTER UPDATE OF state ON recipients
WHEN NEW.state = 'ended' AND OLD.state <> 'ended' AND NEW.disposition = 'abandoned'
BEGIN
    UPDATE campaigns SET abandoned = abandoned + 1 WHERE campaign = NEW.campaign;
END;
