-- The words of resources, for `_text` and `_content`: an index without the texts themselves. The words come folded,
-- with spaces between them. What is stored already gets its rows by `comfrey reindex`.
CREATE VIRTUAL TABLE full_text USING fts5(
    narrative, content, content = '', contentless_delete = 1, tokenize = 'ascii'
);
-- What tells whether a resource's words are there and the right ones.
CREATE TABLE idx_text (rid INTEGER PRIMARY KEY, digest BIGINT NOT NULL);
