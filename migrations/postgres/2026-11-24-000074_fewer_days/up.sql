-- The dates of each day by the numbers of their resources, of those parameters alone whose months are asked for beside a code
-- and without a patient: of all dates, two thirds of which are those of observations, this index was 2 % of a database.
-- As a list: of single comparisons SQLite would ask, for every statement about dates, whether what is bound is one of them,
-- and plan it anew whenever something is bound.
DROP INDEX idx_date_day;
CREATE INDEX idx_date_day ON idx_date (param, (low / 86400000000), rid, high, low) WHERE
param IN (1164994999, 2055565521, 1941604711, 277733650, 1476650156, 1787377229, 819589579, 543840761, 1894768336, 1351264381, 341456409, 1667123241, 1972686593, 1034549054, 1399140951);
