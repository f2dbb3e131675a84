-- How many people have each outcome for a programme, kept by the database itself, so that a summary reads a few rows.
-- `finding_program` is only inserted into and deleted from. Each transaction counts in slots of its own, as for `live`.
CREATE TABLE finding_count (
    program TEXT NOT NULL, hidden BIGINT NOT NULL, outcome BIGINT NOT NULL, no_data BIGINT NOT NULL,
    slot BIGINT NOT NULL, people BIGINT NOT NULL,
    PRIMARY KEY (program, hidden, outcome, no_data, slot)
) WITH (fillfactor = 50);
-- What others have under way is waited for, so that all is either counted here or counts itself.
LOCK TABLE finding_program IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO finding_count
    SELECT program, hidden, outcome, no_data, 0, count(*) FROM finding_program
    GROUP BY program, hidden, outcome, no_data;
CREATE FUNCTION finding_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO finding_count
        SELECT program, hidden, outcome, no_data, live_slot(), count(*) FROM fresh
        GROUP BY program, hidden, outcome, no_data
    ON CONFLICT (program, hidden, outcome, no_data, slot) DO UPDATE SET people = finding_count.people + excluded.people;
    RETURN NULL;
END $$;
CREATE FUNCTION finding_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO finding_count
        SELECT program, hidden, outcome, no_data, live_slot(), -count(*) FROM gone
        GROUP BY program, hidden, outcome, no_data
    ON CONFLICT (program, hidden, outcome, no_data, slot) DO UPDATE SET people = finding_count.people + excluded.people;
    RETURN NULL;
END $$;
CREATE TRIGGER finding_inserted AFTER INSERT ON finding_program REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION finding_inserted();
CREATE TRIGGER finding_deleted AFTER DELETE ON finding_program REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION finding_deleted();
