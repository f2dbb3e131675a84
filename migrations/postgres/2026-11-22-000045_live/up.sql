-- How many live resources each type has, kept by the database itself, so that counting a whole type reads a few rows.
-- Each transaction counts in slots that no other counts in meanwhile, so that none waits for another.
CREATE TABLE live (
    type BIGINT NOT NULL, slot BIGINT NOT NULL, resources BIGINT NOT NULL,
    PRIMARY KEY (type, slot)
) WITH (fillfactor = 50);
-- What others have under way is waited for, so that all is either counted here or counts itself.
LOCK TABLE resource IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO live SELECT type, 0, count(*) FROM resource WHERE deleted = 0 GROUP BY type;
-- A slot that is free or this transaction's own. There are as many as transactions that ever wrote at once.
CREATE FUNCTION live_slot() RETURNS BIGINT LANGUAGE plpgsql AS $$
DECLARE
    slot INT := pg_backend_pid() % 64;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(716509, slot) LOOP
        slot := slot + 64;
    END LOOP;
    RETURN slot;
END $$;
CREATE FUNCTION live_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live SELECT type, live_slot(), count(*) FROM fresh WHERE deleted = 0 GROUP BY type
    ON CONFLICT (type, slot) DO UPDATE SET resources = live.resources + excluded.resources;
    RETURN NULL;
END $$;
CREATE FUNCTION live_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live VALUES (new.type, live_slot(), old.deleted - new.deleted)
    ON CONFLICT (type, slot) DO UPDATE SET resources = live.resources + excluded.resources;
    RETURN NULL;
END $$;
CREATE TRIGGER live_inserted AFTER INSERT ON resource REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION live_inserted();
CREATE TRIGGER live_changed AFTER UPDATE OF deleted ON resource
    FOR EACH ROW WHEN (new.deleted <> old.deleted) EXECUTE FUNCTION live_changed();
