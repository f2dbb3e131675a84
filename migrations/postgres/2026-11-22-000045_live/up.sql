-- How many live resources each type has, kept by the database itself, so that counting a whole type reads a few rows.
-- Each session counts in a slot of its own as far as they go, so that writers rarely wait for one another.
CREATE TABLE live (
    type BIGINT NOT NULL, slot BIGINT NOT NULL, resources BIGINT NOT NULL,
    PRIMARY KEY (type, slot)
) WITH (fillfactor = 50);
INSERT INTO live SELECT type, 0, count(*) FROM resource WHERE deleted = 0 GROUP BY type;
CREATE FUNCTION live_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In the order of types, so that two writers in one slot do not wait for one another in a ring.
    INSERT INTO live SELECT type, pg_backend_pid() % 64, count(*) FROM fresh WHERE deleted = 0 GROUP BY type ORDER BY type
    ON CONFLICT (type, slot) DO UPDATE SET resources = live.resources + excluded.resources;
    RETURN NULL;
END $$;
CREATE FUNCTION live_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO live VALUES (new.type, pg_backend_pid() % 64, old.deleted - new.deleted)
    ON CONFLICT (type, slot) DO UPDATE SET resources = live.resources + excluded.resources;
    RETURN NULL;
END $$;
CREATE TRIGGER live_inserted AFTER INSERT ON resource REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION live_inserted();
CREATE TRIGGER live_changed AFTER UPDATE OF deleted ON resource
    FOR EACH ROW WHEN (new.deleted <> old.deleted) EXECUTE FUNCTION live_changed();
