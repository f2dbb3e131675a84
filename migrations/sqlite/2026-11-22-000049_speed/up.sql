-- The dates that are longer than a month, which few are: with them what overlaps with a span is found by two ranges.
CREATE INDEX idx_date_long ON idx_date (param, high, low, rid) WHERE low < high - 2764800000000;
