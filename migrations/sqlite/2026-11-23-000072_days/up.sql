-- The dates of each day by the numbers of their resources: those of a month, merged, come in the order of a page. What is
-- longer than a day may have begun before the first of them, and is found by its beginning.
CREATE INDEX idx_date_day ON idx_date (param, (low / 86400000000), rid, high, low);
CREATE INDEX idx_date_days ON idx_date (param, low, high, rid) WHERE low < high - 86400000000;
