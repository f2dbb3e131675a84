-- The dates of each day by the numbers of their resources, of those parameters alone whose months are asked for beside a code
-- and without a patient: of all dates, two thirds of which are those of observations, this index was 2 % of a database.
DROP INDEX idx_date_day;
CREATE INDEX idx_date_day ON idx_date (param, (low / 86400000000), rid, high, low) WHERE
    param = 1164994999 OR param = 2055565521 OR param = 1941604711 OR param = 277733650 OR
    param = 1476650156 OR param = 1787377229 OR param = 819589579 OR param = 543840761 OR
    param = 1894768336 OR param = 1351264381 OR param = 341456409 OR param = 1667123241 OR
    param = 1972686593 OR param = 1034549054 OR param = 1399140951;
