-- By which rules the index was made anew once, though some resources could not be mended: that is not tried again at
-- every start.
ALTER TABLE index_rules ADD COLUMN tried BIGINT NOT NULL DEFAULT 0;
