-- +goose Up
-- What the server keeps beside the journal, and may change or erase.
CREATE TABLE documents (
    kind       TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    changed_at TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Who came, to what, and whether they were let in; entries are only added.
CREATE TABLE accesses (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    at       TEXT NOT NULL,
    person   TEXT NOT NULL,
    via      TEXT NOT NULL,
    act      TEXT NOT NULL,
    object   TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    origin   TEXT NOT NULL
);

-- +goose Down
DROP TABLE accesses;
DROP TABLE documents;
