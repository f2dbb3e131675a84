DROP INDEX idx_number_high;
CREATE INDEX idx_number_high ON idx_number (param, high, low, rid);
DROP INDEX idx_quantity_high;
CREATE INDEX idx_quantity_high ON idx_quantity (param, high, low, rid);
-- The older rows are made again by `comfrey reindex`.
UPDATE index_rules SET number = 0;
