-- The time of the newest write. Each write takes a later one, so that versions come to be seen in the order of their
-- times.
CREATE TABLE moment (at BIGINT NOT NULL);
INSERT INTO moment (at) SELECT coalesce(max(updated), 0) FROM resource;
