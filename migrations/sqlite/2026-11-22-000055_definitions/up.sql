-- Our own definitions among the resources: which they are, each with the digest of what was stored of it.
CREATE TABLE published (
    type BIGINT NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

-- The digest of all of them together: as long as it is that of the running program, there is nothing to store.
CREATE TABLE published_set (digest TEXT NOT NULL);
INSERT INTO published_set VALUES ('');
