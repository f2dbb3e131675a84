-- Runs of payable months: what each was made from and its lines, never changed. The id tells the content.
CREATE TABLE payment_run (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    made_from BLOB NOT NULL,
    lines BLOB NOT NULL
);

-- The months of each episode for which a kept run has something payable: such an episode is no mistake to be voided.
CREATE TABLE payment_month (
    episode TEXT NOT NULL,
    month TEXT NOT NULL,
    PRIMARY KEY (episode, month)
) WITHOUT ROWID;
