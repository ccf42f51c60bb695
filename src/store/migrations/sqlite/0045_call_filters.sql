-- A page of one number's calls, or of those that ended in one way, costs its own rows and not all of the tenant's.
CREATE INDEX calls_from ON calls (tenant, from_number, created_at, call);
CREATE INDEX calls_to ON calls (tenant, to_number, created_at, call);
CREATE INDEX calls_by_disposition ON calls (tenant, disposition, created_at, call) WHERE disposition IS NOT NULL;
