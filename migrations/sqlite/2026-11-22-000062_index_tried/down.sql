ALTER TABLE index_rules DROP COLUMN tried;
