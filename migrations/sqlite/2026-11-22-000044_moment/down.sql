DROP TABLE moment;
