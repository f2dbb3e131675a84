-- What rule sets and algorithms say of every patient for every programme, kept and made anew when it may have changed.

-- The number grows with every change of what all findings rest on: programmes, rule sets, the program's own definitions.
CREATE TABLE finding_rules (number BIGINT NOT NULL, fingerprint TEXT NOT NULL);
INSERT INTO finding_rules VALUES (1, '');

-- Whom a write concerned: a patient by id, or a resource that patients' resources name, as `Type/id`. The mark is the
-- time of the write, which no other has, so that writers never wait for one another here.
CREATE TABLE finding_due (subject TEXT NOT NULL, mark BIGINT NOT NULL, PRIMARY KEY (subject, mark)) WITHOUT ROWID;
INSERT INTO finding_due SELECT id, 0 FROM resource WHERE type = 102 AND deleted = 0;

-- By which rules a patient was evaluated last, and when the findings can change by themselves. The stamp is another one
-- each time, so that of two who evaluate at once the later one sees the other's work.
CREATE TABLE finding_state (
    patient TEXT NOT NULL PRIMARY KEY, stamp BIGINT NOT NULL, rules BIGINT NOT NULL, change_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX finding_state_rules ON finding_state (rules);
CREATE INDEX finding_state_change ON finding_state (change_at);

-- What a programme's own rule sets say of a patient, and the tier. Numbers of outcomes and the bits of `suppressed` are
-- those of `store::findings`; `hidden` is whether any is set; `place` orders candidates: the smallest first.
CREATE TABLE finding_program (
    program TEXT NOT NULL, patient TEXT NOT NULL, outcome BIGINT NOT NULL, missing BIGINT NOT NULL,
    tier BIGINT NOT NULL, score_min BIGINT NOT NULL, score_max BIGINT NOT NULL,
    no_data BIGINT NOT NULL, suppressed BIGINT NOT NULL, hidden BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (program, patient)
) WITHOUT ROWID;
CREATE INDEX finding_program_place ON finding_program (program, hidden, outcome, place, patient, no_data);
CREATE INDEX finding_program_patient ON finding_program (patient);

-- The numbers of rule sets.
CREATE TABLE finding_name (number INTEGER PRIMARY KEY, rule_set TEXT NOT NULL UNIQUE);

-- What each rule set says of a patient for a programme, unless it says not eligible.
CREATE TABLE finding_set (
    program TEXT NOT NULL, rule_set BIGINT NOT NULL, patient TEXT NOT NULL, outcome BIGINT NOT NULL,
    missing BIGINT NOT NULL, hidden BIGINT NOT NULL, place BIGINT NOT NULL,
    PRIMARY KEY (program, rule_set, patient)
) WITHOUT ROWID;
CREATE INDEX finding_set_place ON finding_set (program, rule_set, hidden, outcome, place, patient);
CREATE INDEX finding_set_patient ON finding_set (patient);

-- Which instance evaluates who is due, and until when it has this to itself.
CREATE TABLE finding_lease (holder TEXT NOT NULL, until BIGINT NOT NULL);
INSERT INTO finding_lease VALUES ('', 0);
