-- +goose Up
-- Ended runs as later pages need them, made from plan and journal and made anew from them at any
-- time. body is the whole; the other columns find it.
CREATE TABLE outcomes (
    run        TEXT NOT NULL PRIMARY KEY,
    position   BIGINT NOT NULL UNIQUE, -- grows with every change, so that readers can catch up
    version    INT  NOT NULL,
    kind       TEXT NOT NULL,
    depth      TEXT NOT NULL,
    scenario   TEXT NOT NULL,
    hazard     TEXT NOT NULL,
    state      TEXT NOT NULL,
    verdict    TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at   TEXT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX outcomes_by_end ON outcomes (ended_at, run);
CREATE INDEX outcomes_by_scenario ON outcomes (scenario, ended_at, run);

-- What each run achieved for each system; '' is a verdict that it did not give.
CREATE TABLE outcome_systems (
    run      TEXT NOT NULL,
    system   TEXT NOT NULL,
    scenario TEXT NOT NULL,
    kind     TEXT NOT NULL,
    depth    TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    rto      TEXT NOT NULL,
    rpo      TEXT NOT NULL,
    rlo      TEXT NOT NULL,
    restored TEXT NOT NULL,
    failback TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (run, system)
);
CREATE INDEX outcome_systems_by_end ON outcome_systems (system, ended_at, run);

-- +goose Down
DROP TABLE outcome_systems;
DROP TABLE outcomes;
