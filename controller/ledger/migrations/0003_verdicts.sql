-- What the night's replay said of a day: saved_ct is negative when simple timers would have done better.
CREATE TABLE verdicts (
    day TEXT PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    strategy TEXT NOT NULL,
    saved_ct REAL NOT NULL,
    known_h REAL NOT NULL,
    connected_h REAL NOT NULL,
    gaps INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
