DROP INDEX idx_date_day;
CREATE INDEX idx_date_day ON idx_date (param, (low / 86400000000), rid, high, low);
