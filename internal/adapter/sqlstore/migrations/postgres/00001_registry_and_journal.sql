-- +goose Up
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE infrastructure_accounts (
    id                TEXT   NOT NULL PRIMARY KEY,
    type              TEXT   NOT NULL,
    name              TEXT   NOT NULL,
    owner             TEXT   NOT NULL,
    cost_center       TEXT   NOT NULL,
    environment       TEXT   NOT NULL,
    criticality_level BIGINT NOT NULL,
    external_id       TEXT   NOT NULL,
    lifecycle_status  TEXT   NOT NULL
);

-- Times are microseconds since 1970 UTC, 0 for none. config_items, node_pools,
-- problems and origin are JSON that no query looks into.
CREATE TABLE clusters (
    id                     TEXT   NOT NULL PRIMARY KEY,
    alias                  TEXT   NOT NULL,
    infrastructure_account TEXT   NOT NULL,
    local_id               TEXT   NOT NULL,
    api_server_url         TEXT   NOT NULL,
    channel                TEXT   NOT NULL,
    environment            TEXT   NOT NULL,
    criticality_level      BIGINT NOT NULL,
    lifecycle_status       TEXT   NOT NULL,
    provider               TEXT   NOT NULL,
    region                 TEXT   NOT NULL,
    config_items           TEXT   NOT NULL,
    node_pools             TEXT   NOT NULL,
    current_version        TEXT   NOT NULL,
    last_version           TEXT   NOT NULL,
    next_version           TEXT   NOT NULL,
    problems               TEXT   NOT NULL,
    owner                  TEXT   NOT NULL,
    account_name           TEXT   NOT NULL,
    origin                 TEXT   NOT NULL,
    created_at             BIGINT NOT NULL
);
CREATE UNIQUE INDEX clusters_alias ON clusters (alias);
CREATE UNIQUE INDEX clusters_local_id ON clusters (local_id, infrastructure_account, region);
CREATE INDEX clusters_created_at ON clusters (created_at, id);

-- Updates outlive their cluster, so they do not reference it.
CREATE TABLE updates (
    id                TEXT   NOT NULL PRIMARY KEY,
    cluster_id        TEXT   NOT NULL,
    rollout_id        TEXT   NOT NULL,
    channel           TEXT   NOT NULL,
    revision          TEXT   NOT NULL,
    version           TEXT   NOT NULL,
    state             TEXT   NOT NULL,
    doing             TEXT   NOT NULL,
    waiting           TEXT   NOT NULL,
    since             BIGINT NOT NULL,
    actor             TEXT   NOT NULL,
    nodes_done        BIGINT NOT NULL,
    nodes_total       BIGINT NOT NULL,
    evictions         BIGINT NOT NULL,
    evictions_refused BIGINT NOT NULL,
    attempts          BIGINT NOT NULL,
    error             TEXT   NOT NULL,
    hint              TEXT   NOT NULL,
    blocked           TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    started_at        BIGINT NOT NULL,
    finished_at       BIGINT NOT NULL
);
CREATE UNIQUE INDEX updates_one_active ON updates (cluster_id) WHERE state IN ('pending', 'running');
CREATE INDEX updates_cluster ON updates (cluster_id, created_at, id);
CREATE INDEX updates_rollout ON updates (rollout_id, created_at, id);
CREATE INDEX updates_created_at ON updates (created_at, id);

CREATE TABLE steps (
    update_id   TEXT   NOT NULL REFERENCES updates (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    PRIMARY KEY (update_id, name)
);

CREATE TABLE rollouts (
    id          TEXT   NOT NULL PRIMARY KEY,
    channel     TEXT   NOT NULL,
    revision    TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    hint        TEXT   NOT NULL,
    waves       TEXT   NOT NULL,
    wave        BIGINT NOT NULL,
    soak_since  BIGINT NOT NULL,
    promoted_at BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL
);
CREATE INDEX rollouts_channel ON rollouts (channel, created_at, id);

CREATE TABLE revisions (
    channel TEXT   NOT NULL PRIMARY KEY,
    id      TEXT   NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE inventory (
    cluster_id  TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    position    BIGINT NOT NULL,
    api_version TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    namespace   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    component   TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    departed    BOOLEAN NOT NULL, -- left the configuration, was not deleted
    PRIMARY KEY (cluster_id, position)
);

-- A sequence number is never given twice; they are handed out one transaction
-- after another, so that no lower one appears later.
CREATE TABLE events (
    seq        BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT  NOT NULL,
    cluster_id TEXT    NOT NULL,
    rollout_id TEXT    NOT NULL,
    update_id  TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    message    TEXT    NOT NULL
);
CREATE INDEX events_cluster ON events (cluster_id, seq);

-- +goose Down
DROP TABLE events;
DROP TABLE inventory;
DROP TABLE revisions;
DROP TABLE rollouts;
DROP TABLE steps;
DROP TABLE updates;
DROP TABLE clusters;
DROP TABLE infrastructure_accounts;
DROP TABLE meta;
