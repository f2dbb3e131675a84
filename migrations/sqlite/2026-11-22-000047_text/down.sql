DROP TABLE full_text;
DROP TABLE idx_text;
