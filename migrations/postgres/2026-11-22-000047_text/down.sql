DROP TABLE idx_text;
