DROP INDEX idx_date_long;
