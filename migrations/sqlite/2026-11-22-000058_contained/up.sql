-- The resources that stand in others. Their numbers are below zero, as are those of the search parameters of which the
-- index has rows for them, so that no other search looks at these rows. What is stored already gets them by
-- `comfrey reindex`.
CREATE TABLE contained (
    rid INTEGER PRIMARY KEY, container BIGINT NOT NULL, type BIGINT NOT NULL, id TEXT NOT NULL
);
CREATE INDEX contained_type ON contained (type, rid);
CREATE INDEX contained_container ON contained (type, container);
