DROP TABLE payment_run;
