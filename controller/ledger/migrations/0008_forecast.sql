-- What a source said of the sun of a quarter-hour (UTC seconds), by source and roofs; the newest word of it.
CREATE TABLE sunlight (
    source TEXT NOT NULL,
    begin_s INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (source, begin_s)
) STRICT, WITHOUT ROWID;

-- The forecast of a quarter-hour as it was 1, 6 and 24 h before its end; what came is in the readings.
-- own_w: by the clear sky or the day before alone; told_w: by the source alone.
CREATE TABLE forecasts (
    begin_s INTEGER NOT NULL,
    lead_h INTEGER NOT NULL,
    p10_w REAL NOT NULL,
    p50_w REAL NOT NULL,
    p90_w REAL NOT NULL,
    sky INTEGER NOT NULL,
    basis TEXT NOT NULL,
    own_w REAL NOT NULL,
    told_w REAL,
    PRIMARY KEY (begin_s, lead_h)
) STRICT, WITHOUT ROWID;
