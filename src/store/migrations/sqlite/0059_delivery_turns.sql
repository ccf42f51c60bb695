-- A row is `waiting` while an earlier event of its call is owed to the same endpoint: whoever looks for what is due does not meet it.
UPDATE outbox SET state = 'waiting' WHERE state = 'pending' AND EXISTS (
    SELECT 1 FROM outbox AS e WHERE e.call = outbox.call AND e.endpoint = outbox.endpoint AND e.id < outbox.id AND e.state = 'pending');

-- Tenants take turns.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (tenant, receiver, due_at) WHERE state = 'pending';
