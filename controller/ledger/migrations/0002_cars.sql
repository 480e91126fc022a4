-- What was learned of each car: a value and, as <name>_n, the count of observations behind it.
CREATE TABLE cars (
    key TEXT PRIMARY KEY,
    phases REAL NOT NULL,
    phases_n REAL NOT NULL,
    refused_a REAL NOT NULL,
    refused_a_n REAL NOT NULL,
    accepted_a REAL NOT NULL,
    accepted_a_n REAL NOT NULL,
    ramp_s REAL NOT NULL,
    ramp_s_n REAL NOT NULL,
    offset_a REAL NOT NULL,
    offset_a_n REAL NOT NULL,
    most_a REAL NOT NULL,
    most_a_n REAL NOT NULL,
    resumed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    failing REAL NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT;
