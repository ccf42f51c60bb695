-- Which of a call's events its receiver gets, and whose rooms they take: scheme, host and port of the call's webhook. A call
-- from before has neither: it gets `call.completed`, and its URL is its receiver.
ALTER TABLE calls ADD COLUMN webhook_events TEXT;
ALTER TABLE calls ADD COLUMN webhook_receiver TEXT;
ALTER TABLE calls ADD COLUMN application INTEGER;
