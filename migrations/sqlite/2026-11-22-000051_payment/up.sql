-- Runs of payable months: what each was made from and its lines, never changed. The id tells the content.
CREATE TABLE payment_run (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    made_from BLOB NOT NULL,
    lines BLOB NOT NULL
);
