-- +goose Up
-- What updates are going to do, as JSON, and who agreed to it. Only SavePlan and
-- ApprovePlan write here: progress (SaveUpdate) never touches it.
CREATE TABLE plans (
    update_id TEXT NOT NULL PRIMARY KEY REFERENCES updates (id) ON DELETE CASCADE,
    plan      TEXT NOT NULL
);
CREATE TABLE approvals (
    update_id TEXT   NOT NULL REFERENCES updates (id) ON DELETE CASCADE,
    digest    TEXT   NOT NULL,
    approval  TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (update_id, digest)
);

-- +goose Down
DROP TABLE approvals;
DROP TABLE plans;
