DROP TABLE history_compartment;
ALTER TABLE history DROP COLUMN type;
