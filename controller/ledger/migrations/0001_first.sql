CREATE TABLE intents (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    mono_s REAL NOT NULL,
    run TEXT NOT NULL,
    command TEXT NOT NULL,
    keys TEXT NOT NULL,
    safety INTEGER NOT NULL,
    reason TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'pending'
        CHECK (outcome IN ('pending', 'accepted', 'refused', 'unknown')),
    detail TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'applied', 'not_applied', 'superseded')),
    closed_ms INTEGER
) STRICT;
CREATE INDEX intents_by_time ON intents (wall_ms);
CREATE INDEX intents_open ON intents (state) WHERE state = 'open';

-- An outcome is written once, a closed intent stays closed.
CREATE TRIGGER intents_outcome_once BEFORE UPDATE OF outcome ON intents
WHEN OLD.outcome <> 'pending' AND NEW.outcome <> OLD.outcome
BEGIN SELECT RAISE(ABORT, 'the outcome of an intent is written once'); END;
CREATE TRIGGER intents_closed_once BEFORE UPDATE OF state ON intents
WHEN OLD.state <> 'open' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'a closed intent stays closed'); END;

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    in_force TEXT NOT NULL,
    wish TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    ceiling TEXT NOT NULL,
    facts TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_by_time ON decisions (wall_ms);

CREATE TABLE readings (
    wall_ms INTEGER NOT NULL,
    step_s INTEGER NOT NULL,
    grid_import_w REAL,
    base_import_w REAL,
    pv_yield_w REAL,
    battery_charge_w REAL,
    car_w REAL,
    offered_a INTEGER,
    phases INTEGER,
    samples INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (step_s, wall_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    plugged_ms INTEGER NOT NULL,
    unplugged_ms INTEGER,
    grid_wh REAL NOT NULL DEFAULT 0,
    pv_wh REAL NOT NULL DEFAULT 0,
    cost_ct REAL NOT NULL DEFAULT 0,
    starts INTEGER NOT NULL DEFAULT 0,
    phase_changes INTEGER NOT NULL DEFAULT 0,
    writes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE energy (
    day TEXT PRIMARY KEY,
    grid_wh REAL NOT NULL DEFAULT 0,
    pv_wh REAL NOT NULL DEFAULT 0,
    cost_ct REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    text TEXT NOT NULL
) STRICT;

CREATE TABLE state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
