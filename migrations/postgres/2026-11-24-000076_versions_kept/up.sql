-- Earlier versions that are kept from the patient, each by what it held itself. Those from before this table are kept
-- until each has been looked at: then one that may be told loses its row, and `judged` of another becomes 1.
CREATE TABLE history_not_for_patient (
    rid BIGINT NOT NULL, version BIGINT NOT NULL, judged BIGINT NOT NULL,
    PRIMARY KEY (rid, version)
);
CREATE INDEX history_not_for_patient_open ON history_not_for_patient (rid, version) WHERE judged = 0;
INSERT INTO history_not_for_patient (rid, version, judged)
SELECT DISTINCT c.rid, c.version, 0 FROM history_compartment c
JOIN history h ON h.rid = c.rid AND h.version = c.version;
