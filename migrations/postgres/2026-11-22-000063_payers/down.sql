ALTER TABLE payment_month RENAME TO payment_month_after;
ALTER INDEX payment_month_pkey RENAME TO payment_month_after_pkey;
CREATE TABLE payment_month (
    episode TEXT COLLATE "C" NOT NULL,
    month TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (episode, month)
);
INSERT INTO payment_month (episode, month) SELECT DISTINCT episode, month FROM payment_month_after;
DROP TABLE payment_month_after;
