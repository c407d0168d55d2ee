-- +goose Up
-- Lists of runs read what they show and no more: every day's checks outnumber the runs, and
-- what has ended outnumbers what is open.
DROP INDEX runs_by_position;
CREATE INDEX runs_listed ON runs (position) WHERE kind <> 'check';
CREATE INDEX runs_open ON runs (position) WHERE ended = 0;
CREATE INDEX runs_by_scenario ON runs (scenario, kind, position);
CREATE INDEX runs_by_kind ON runs (kind, position);

-- +goose Down
DROP INDEX runs_by_kind;
DROP INDEX runs_by_scenario;
DROP INDEX runs_open;
DROP INDEX runs_listed;
CREATE INDEX runs_by_position ON runs (position);
