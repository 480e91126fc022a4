-- Faults that wait for a person: open until acked_ms is set. At most one open row of each kind.
CREATE TABLE latches (
    id INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    acked_ms INTEGER,
    acked_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX latches_open ON latches (kind) WHERE acked_ms IS NULL;

-- Acknowledged once, for good.
CREATE TRIGGER latches_acked_once BEFORE UPDATE OF acked_ms ON latches
WHEN OLD.acked_ms IS NOT NULL AND NEW.acked_ms IS NOT OLD.acked_ms
BEGIN SELECT RAISE(ABORT, 'an acknowledged fault stays acknowledged'); END;
