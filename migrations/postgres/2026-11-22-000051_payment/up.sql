-- Runs of payable months: what each was made from and its lines, never changed. The id tells the content.
CREATE TABLE payment_run (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    made_from BYTEA NOT NULL,
    lines BYTEA NOT NULL
);

-- The months of each episode for which a kept run has something payable: such an episode is no mistake to be voided.
CREATE TABLE payment_month (
    episode TEXT COLLATE "C" NOT NULL,
    month TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (episode, month)
);
