-- The charger's own energy limit while the leash keeps it: what the user had (theirs_wh, NULL: no limit) and each
-- limit of ours, written before it is sent. Open until a read has shown the user's limit again; where they set one
-- themselves (released) until the car is unplugged.
CREATE TABLE leash (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    theirs_wh REAL,
    ours_wh REAL NOT NULL,
    released INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE INDEX leash_open ON leash (id) WHERE ended_ms IS NULL;
