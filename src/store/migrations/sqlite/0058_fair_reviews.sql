-- Whose call is to be gone over: no tenant's may take up everybody's time.
ALTER TABLE reviews ADD COLUMN tenant INTEGER NOT NULL DEFAULT 0;
UPDATE reviews SET tenant = (SELECT c.tenant FROM calls AS c WHERE c.call = reviews.call);

DROP INDEX reviews_due;
CREATE INDEX reviews_due ON reviews (tenant, due_at, call);
CREATE INDEX reviews_under_way ON reviews (tenant) WHERE leased_until > 0;
