-- The number of the rules by which the whole search index was made; 0 until that is known.
CREATE TABLE index_rules (number BIGINT NOT NULL);
INSERT INTO index_rules VALUES (0);
