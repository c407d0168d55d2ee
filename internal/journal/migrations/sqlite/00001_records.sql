-- +goose Up
CREATE TABLE plans (
    hash TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- body is the event as JSON and the only truth; the other columns find it.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run      TEXT   NOT NULL,
    writer   TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    kind     TEXT   NOT NULL,
    body     TEXT   NOT NULL,
    UNIQUE (run, writer, seq)
);
CREATE INDEX events_by_run ON events (run, position);
CREATE INDEX events_by_kind ON events (run, kind);

-- A run as lists show it, made again from its events whenever one of them matters.
CREATE TABLE runs (
    run      TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    scenario TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    ended    INT    NOT NULL,
    body     TEXT   NOT NULL
);
CREATE INDEX runs_by_position ON runs (position);

CREATE TABLE tokens (
    system TEXT   NOT NULL,
    run    TEXT   NOT NULL,
    token  BIGINT NOT NULL,
    PRIMARY KEY (system, run),
    UNIQUE (system, token)
);

-- One row that Ping writes, because only a write shows that writing works.
CREATE TABLE pings (
    id INT    NOT NULL PRIMARY KEY,
    n  BIGINT NOT NULL
);
INSERT INTO pings (id, n) VALUES (1, 0);

-- +goose Down
DROP TABLE pings;
DROP TABLE tokens;
DROP TABLE runs;
DROP TABLE events;
DROP TABLE plans;
