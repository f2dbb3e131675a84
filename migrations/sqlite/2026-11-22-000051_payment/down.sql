DROP TABLE payment_month;
DROP TABLE payment_run;
