DROP INDEX idx_date_days;
DROP INDEX idx_date_day;
