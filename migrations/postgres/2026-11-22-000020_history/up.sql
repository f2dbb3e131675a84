-- The history of a type walks its versions by their time.
ALTER TABLE history ADD COLUMN type BIGINT NOT NULL DEFAULT 0;
UPDATE history SET type = (SELECT r.type FROM resource r WHERE r.rid = history.rid);
CREATE INDEX history_updated ON history (type, updated, rid);

-- In which patients' compartments a version stood that is not current any more, or that is a deletion. What was
-- replaced before this table was made is not in it, so that no patient's token shows it.
CREATE TABLE history_compartment (
    patient TEXT COLLATE "C" NOT NULL, type BIGINT NOT NULL, rid BIGINT NOT NULL, version BIGINT NOT NULL,
    PRIMARY KEY (patient, type, rid, version)
);
CREATE INDEX history_compartment_version ON history_compartment (rid, version);
