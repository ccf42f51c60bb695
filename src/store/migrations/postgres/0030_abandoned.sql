-- Of a campaign's answered recipients, those for whom nobody was free to talk.
ALTER TABLE campaigns ADD COLUMN abandoned BIGINT NOT NULL DEFAULT 0;

CREATE FUNCTION trunkline_count_abandoned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaigns AS c SET abandoned = c.abandoned + m.abandoned
        FROM (
            SELECT u.campaign, sum(u.sign) AS abandoned FROM (
                SELECT 1 AS sign, campaign, state, disposition FROM new_rows
                UNION ALL SELECT -1, campaign, state, disposition FROM old_rows) AS u
            WHERE u.state = 'ended' AND u.disposition = 'abandoned'
            GROUP BY u.campaign) AS m
        WHERE c.campaign = m.campaign AND m.abandoned <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER recipients_abandoned_are_counted AFTER UPDATE ON recipients
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION trunkline_count_abandoned();
