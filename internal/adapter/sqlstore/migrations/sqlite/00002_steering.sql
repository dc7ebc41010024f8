-- +goose Up
ALTER TABLE updates ADD COLUMN reason            TEXT    NOT NULL DEFAULT '';
ALTER TABLE updates ADD COLUMN evictions_forced  BIGINT  NOT NULL DEFAULT 0;
-- What people say of an update: only SteerUpdate writes these three.
ALTER TABLE updates ADD COLUMN paused            TEXT    NOT NULL DEFAULT '';
ALTER TABLE updates ADD COLUMN aborting          TEXT    NOT NULL DEFAULT '';
ALTER TABLE updates ADD COLUMN ignore_brakes     BOOLEAN NOT NULL DEFAULT FALSE;

-- Wishes for the replacement of nodes; they go with their cluster.
CREATE TABLE rotations (
    cluster_id   TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    node         TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    requested_at BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, node)
);

-- +goose Down
DROP TABLE rotations;
ALTER TABLE updates DROP COLUMN ignore_brakes;
ALTER TABLE updates DROP COLUMN aborting;
ALTER TABLE updates DROP COLUMN paused;
ALTER TABLE updates DROP COLUMN evictions_forced;
ALTER TABLE updates DROP COLUMN reason;
