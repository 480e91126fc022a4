-- The most power a car was seen to take; 0: nobody has seen it charge since this is watched.
ALTER TABLE cars ADD COLUMN proven_w REAL NOT NULL DEFAULT 0;
