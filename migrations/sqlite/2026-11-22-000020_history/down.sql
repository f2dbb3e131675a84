DROP TABLE history_compartment;
DROP INDEX history_updated;
ALTER TABLE history DROP COLUMN type;
