-- How many people have each outcome for a programme, kept by the database itself, so that a summary reads a few rows.
-- `finding_program` is only inserted into and deleted from.
CREATE TABLE finding_count (
    program TEXT NOT NULL, hidden BIGINT NOT NULL, outcome BIGINT NOT NULL, no_data BIGINT NOT NULL,
    slot BIGINT NOT NULL, people BIGINT NOT NULL,
    PRIMARY KEY (program, hidden, outcome, no_data, slot)
) WITHOUT ROWID;
INSERT INTO finding_count
    SELECT program, hidden, outcome, no_data, 0, count(*) FROM finding_program
    GROUP BY program, hidden, outcome, no_data;
CREATE TRIGGER finding_inserted AFTER INSERT ON finding_program BEGIN
    INSERT INTO finding_count VALUES (new.program, new.hidden, new.outcome, new.no_data, 0, 1)
    ON CONFLICT (program, hidden, outcome, no_data, slot) DO UPDATE SET people = people + 1;
END;
CREATE TRIGGER finding_deleted AFTER DELETE ON finding_program BEGIN
    UPDATE finding_count SET people = people - 1
    WHERE program = old.program AND hidden = old.hidden AND outcome = old.outcome AND no_data = old.no_data AND slot = 0;
END;
