-- Resources: the current version of each, as complete JSON; earlier versions stand in `history`.
-- Instants are microseconds since 1970 in UTC; types are numbers of `fhir::resource_type`.
CREATE TABLE resource (
    rid INTEGER PRIMARY KEY,
    type BIGINT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    method BIGINT NOT NULL,
    body BLOB
);
CREATE UNIQUE INDEX resource_identity ON resource (type, id);
CREATE INDEX resource_live ON resource (type, rid) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource (type, updated, rid);

CREATE TABLE history (
    rid BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    method BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    body BLOB,
    PRIMARY KEY (rid, version)
);

-- The search index: one narrow table for each kind of value, `param` is the number of the search parameter.
CREATE TABLE idx_token (
    param BIGINT NOT NULL, code TEXT NOT NULL, system BIGINT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, code, system, rid)
) WITHOUT ROWID;
CREATE INDEX idx_token_rid ON idx_token (rid);
CREATE TABLE idx_string (
    param BIGINT NOT NULL, folded TEXT NOT NULL, exact TEXT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, folded, exact, rid)
) WITHOUT ROWID;
CREATE INDEX idx_string_rid ON idx_string (rid);
CREATE TABLE idx_reference (
    param BIGINT NOT NULL, target_type BIGINT NOT NULL, target_id TEXT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, target_type, target_id, rid)
) WITHOUT ROWID;
CREATE INDEX idx_reference_rid ON idx_reference (rid);
CREATE TABLE idx_date (
    param BIGINT NOT NULL, low BIGINT NOT NULL, high BIGINT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, low, high, rid)
) WITHOUT ROWID;
CREATE INDEX idx_date_rid ON idx_date (rid);
CREATE INDEX idx_date_high ON idx_date (param, high, low, rid);
CREATE TABLE idx_number (
    param BIGINT NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, low, high, rid)
) WITHOUT ROWID;
CREATE INDEX idx_number_rid ON idx_number (rid);
CREATE INDEX idx_number_high ON idx_number (param, high, low, rid);
CREATE TABLE idx_quantity (
    param BIGINT NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL, system BIGINT NOT NULL,
    code TEXT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, low, high, system, code, rid)
) WITHOUT ROWID;
CREATE INDEX idx_quantity_rid ON idx_quantity (rid);
CREATE INDEX idx_quantity_high ON idx_quantity (param, high, low, rid);
CREATE TABLE idx_uri (
    param BIGINT NOT NULL, uri TEXT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (param, uri, rid)
) WITHOUT ROWID;
CREATE INDEX idx_uri_rid ON idx_uri (rid);

-- Which resources stand in the compartment of which patient.
CREATE TABLE idx_compartment (
    patient TEXT NOT NULL, type BIGINT NOT NULL, rid BIGINT NOT NULL,
    PRIMARY KEY (patient, type, rid)
) WITHOUT ROWID;
CREATE INDEX idx_compartment_rid ON idx_compartment (rid);

-- Episodes of care of the programmes: a patient has at most one open episode in each.
CREATE TABLE episode (
    rid INTEGER PRIMARY KEY,
    patient TEXT NOT NULL,
    program TEXT NOT NULL,
    state TEXT NOT NULL,
    open BIGINT NOT NULL
);
CREATE UNIQUE INDEX episode_open ON episode (patient, program) WHERE open = 1;
CREATE INDEX episode_state ON episode (program, state);

-- The row that conditional requests with the same condition lock.
CREATE TABLE conditional (key TEXT NOT NULL PRIMARY KEY, touched BIGINT NOT NULL) WITHOUT ROWID;
-- Keys that the service made for itself.
CREATE TABLE secret (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL);
-- Answers to requests with an Idempotency-Key.
CREATE TABLE idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    status BIGINT NOT NULL,
    body BLOB NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX idempotency_at ON idempotency (at);
