-- Our own definitions among the resources: which they are, each with the digest of what was stored of it.
CREATE TABLE published (
    type BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (type, id)
);

-- The digest of all of them together: as long as it is that of the running program, there is nothing to store.
CREATE TABLE published_set (digest TEXT COLLATE "C" NOT NULL);
INSERT INTO published_set VALUES ('');
