-- The set of search parameters that clients have stored and that are in use: its number grows with every change.
-- `begun` is the number with which the index was last begun to be made anew, `indexed` that of which it has all rows.
CREATE TABLE parameter_set (number BIGINT NOT NULL, begun BIGINT NOT NULL, indexed BIGINT NOT NULL);
INSERT INTO parameter_set VALUES (0, 0, 0);

-- Which SearchParameter defines a code of a type: one at most. `since` is the number of the set that first had it so.
CREATE TABLE stored_parameter (
    type BIGINT NOT NULL, code TEXT NOT NULL, rid BIGINT NOT NULL, since BIGINT NOT NULL,
    PRIMARY KEY (type, code)
);
CREATE INDEX stored_parameter_rid ON stored_parameter (rid);
