-- The search index of composite parameters: one row for the values that stand together in one element, so that a
-- search for a code with a value is one look-up. What is stored already gets its rows by `comfrey reindex`.
CREATE TABLE idx_composite (
    param BIGINT NOT NULL, code TEXT COLLATE "C" NOT NULL, system BIGINT NOT NULL,
    code2 TEXT COLLATE "C" NOT NULL, system2 BIGINT NOT NULL,
    low BIGINT NOT NULL, high BIGINT NOT NULL, low2 BIGINT NOT NULL, high2 BIGINT NOT NULL,
    place BIGINT NOT NULL, rid BIGINT NOT NULL
);
CREATE INDEX idx_composite_value
    ON idx_composite (param, code, system, code2, system2, low, high, low2, high2, place, rid);
CREATE INDEX idx_composite_rid ON idx_composite (rid, param);
