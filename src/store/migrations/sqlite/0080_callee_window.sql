-- When a campaign may call by its recipients' own clocks, and the zone of a recipient whose number does not tell it.
ALTER TABLE campaigns ADD COLUMN callee_window_start INTEGER;
ALTER TABLE campaigns ADD COLUMN callee_window_end INTEGER;
ALTER TABLE campaigns ADD COLUMN callee_window_days TEXT;
ALTER TABLE recipients ADD COLUMN zone TEXT;
