-- +goose Up
-- Ended runs as later pages need them, made from plan and journal and made anew from them at any
-- time. body is the whole; the other columns find it.
CREATE TABLE outcomes (
    run        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL UNIQUE, -- grows with every change, so that readers can catch up
    version    INT  NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    depth      TEXT COLLATE "C" NOT NULL,
    scenario   TEXT COLLATE "C" NOT NULL,
    hazard     TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    verdict    TEXT COLLATE "C" NOT NULL,
    started_at TEXT COLLATE "C" NOT NULL,
    ended_at   TEXT COLLATE "C" NOT NULL,
    body       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX outcomes_by_end ON outcomes (ended_at, run);
CREATE INDEX outcomes_by_scenario ON outcomes (scenario, ended_at, run);

-- What each run achieved for each system; '' is a verdict that it did not give.
CREATE TABLE outcome_systems (
    run      TEXT COLLATE "C" NOT NULL,
    system   TEXT COLLATE "C" NOT NULL,
    scenario TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    depth    TEXT COLLATE "C" NOT NULL,
    ended_at TEXT COLLATE "C" NOT NULL,
    verdict  TEXT COLLATE "C" NOT NULL,
    rto      TEXT COLLATE "C" NOT NULL,
    rpo      TEXT COLLATE "C" NOT NULL,
    rlo      TEXT COLLATE "C" NOT NULL,
    restored TEXT COLLATE "C" NOT NULL,
    failback TEXT COLLATE "C" NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, system)
);
CREATE INDEX outcome_systems_by_end ON outcome_systems (system, ended_at, run);

-- +goose Down
DROP TABLE outcome_systems;
DROP TABLE outcomes;
