-- How full a car was, as a person said or a program pushed it. counter_wh: the charger's counter when the
-- controller took it up, NULL until then. car is empty where none was named: the one at the cable.
CREATE TABLE soc_reports (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    car TEXT NOT NULL,
    soc_pct REAL NOT NULL CHECK (soc_pct BETWEEN 0 AND 100),
    source TEXT NOT NULL CHECK (source IN ('hand', 'pushed')),
    counter_wh REAL
) STRICT;
