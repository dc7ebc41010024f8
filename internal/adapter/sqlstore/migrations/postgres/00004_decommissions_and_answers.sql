-- +goose Up
-- Wishes to end protected clusters, until they are carried out or withdrawn.
CREATE TABLE decommissions (
    cluster_id    TEXT   NOT NULL PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    by_whom       TEXT   NOT NULL,
    by_name       TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    requested_at  BIGINT NOT NULL,
    approver      TEXT   NOT NULL,
    approver_name TEXT   NOT NULL,
    approved_at   BIGINT NOT NULL,
    due_at        BIGINT NOT NULL
);

-- Answers to requests that may be sent again; body is base64.
CREATE TABLE answers (
    key          TEXT   NOT NULL PRIMARY KEY,
    request      TEXT   NOT NULL,
    status       BIGINT NOT NULL,
    content_type TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    at           BIGINT NOT NULL
);
CREATE INDEX answers_at ON answers (at);

-- +goose Down
DROP TABLE answers;
DROP TABLE decommissions;
