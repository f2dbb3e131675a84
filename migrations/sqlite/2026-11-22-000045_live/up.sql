-- How many live resources each type has, kept by the database itself, so that counting a whole type reads a few rows.
CREATE TABLE live (
    type BIGINT NOT NULL, slot BIGINT NOT NULL, resources BIGINT NOT NULL,
    PRIMARY KEY (type, slot)
) WITHOUT ROWID;
INSERT INTO live SELECT type, 0, count(*) FROM resource WHERE deleted = 0 GROUP BY type;
CREATE TRIGGER live_inserted AFTER INSERT ON resource WHEN new.deleted = 0 BEGIN
    INSERT INTO live VALUES (new.type, 0, 1)
    ON CONFLICT (type, slot) DO UPDATE SET resources = resources + 1;
END;
CREATE TRIGGER live_changed AFTER UPDATE OF deleted ON resource WHEN new.deleted <> old.deleted BEGIN
    INSERT INTO live VALUES (new.type, 0, old.deleted - new.deleted)
    ON CONFLICT (type, slot) DO UPDATE SET resources = resources + excluded.resources;
END;

-- With samples of its indexes SQLite plans a statement anew for every value that is bound.
DROP TABLE IF EXISTS sqlite_stat4;
DROP TABLE IF EXISTS sqlite_stat1;
