-- +goose Up
ALTER TABLE clusters ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE infrastructure_accounts ADD COLUMN etag TEXT NOT NULL DEFAULT '';

-- The append-only record of all changes. A number and a hash come with the
-- commit or, where several processes write, right after it. object is the whole
-- object after the change, '' when nothing but its status changed; before and
-- after hold what differs, with secrets masked.
CREATE TABLE changes (
    id        TEXT   NOT NULL PRIMARY KEY,
    nr        BIGINT GENERATED ALWAYS AS IDENTITY, -- of two changes of one object the later has the larger
    seq       BIGINT UNIQUE,
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    object_id TEXT   NOT NULL,
    event     TEXT   NOT NULL,
    who       TEXT   NOT NULL,
    display   TEXT   NOT NULL,
    origin    TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    was       TEXT   NOT NULL,
    became    TEXT   NOT NULL,
    etag      TEXT   NOT NULL,
    hash      TEXT   NOT NULL,
    object    TEXT   NOT NULL,
    status    TEXT   NOT NULL
);
CREATE INDEX changes_object ON changes (kind, object_id, seq);
CREATE INDEX changes_unchained ON changes (id) WHERE seq IS NULL;

-- The newest entry of the chain.
CREATE TABLE chain (
    head BIGINT NOT NULL PRIMARY KEY CHECK (head = 1),
    seq  BIGINT NOT NULL,
    hash TEXT   NOT NULL
);
INSERT INTO chain (head, seq, hash) VALUES (1, 0, '');

-- +goose Down
DROP TABLE chain;
DROP TABLE changes;
ALTER TABLE infrastructure_accounts DROP COLUMN etag;
ALTER TABLE clusters DROP COLUMN etag;
