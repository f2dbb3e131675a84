-- Requests that are carried out after they were taken on. The row is small, since it changes as the work goes on: what
-- was asked (part 0) and what came of it (part 1) stand beside it. A request that is cancelled has no row any more.
CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    rights TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- 0 waits, 1 is in hand, 2 is done
    state BIGINT NOT NULL,
    -- who has it in hand, and until when without a sign of life
    holder TEXT NOT NULL,
    until BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    expires BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE job_part (
    job TEXT NOT NULL,
    part BIGINT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (job, part)
);

CREATE INDEX job_open ON job (at, id) WHERE state < 2;
CREATE INDEX job_open_of ON job (owner) WHERE state < 2;
CREATE INDEX job_expires ON job (expires);
