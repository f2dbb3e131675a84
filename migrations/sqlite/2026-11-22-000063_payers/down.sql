ALTER TABLE payment_month RENAME TO payment_month_after;
CREATE TABLE payment_month (
    episode TEXT NOT NULL,
    month TEXT NOT NULL,
    PRIMARY KEY (episode, month)
) WITHOUT ROWID;
INSERT INTO payment_month (episode, month) SELECT DISTINCT episode, month FROM payment_month_after;
DROP TABLE payment_month_after;
