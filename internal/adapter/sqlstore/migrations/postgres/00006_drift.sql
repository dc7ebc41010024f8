-- +goose Up
-- What the API server noted as Fairway's after the apply, see LiveObject.Owned.
ALTER TABLE inventory ADD COLUMN owned TEXT NOT NULL DEFAULT '';

-- What the last look for changes by others found; report is a Drift as JSON.
CREATE TABLE drift (
    cluster_id TEXT NOT NULL PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    report     TEXT NOT NULL
);

-- +goose Down
DROP TABLE drift;
ALTER TABLE inventory DROP COLUMN owned;
