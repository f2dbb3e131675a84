-- The words of resources, for `_text` and `_content`: those of the narrative have the weight A. They come folded and
-- with their places. What is stored already gets its rows by `comfrey reindex`.
CREATE TABLE idx_text (
    rid BIGINT PRIMARY KEY, digest BIGINT NOT NULL, words TSVECTOR NOT NULL
);
CREATE INDEX idx_text_words ON idx_text USING GIN (words);
