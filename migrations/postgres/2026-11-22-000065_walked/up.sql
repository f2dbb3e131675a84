-- On SQLite the index that is walked has the id as well. Not here: a resource that is named would be looked for among all
-- of its type, for PostgreSQL takes what an index has by itself to be had for less.
SELECT 1;
