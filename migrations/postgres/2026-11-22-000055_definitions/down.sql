DROP TABLE published_set;
DROP TABLE published;
