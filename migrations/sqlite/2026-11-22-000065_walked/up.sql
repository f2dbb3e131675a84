-- A walk that asks of each resource what refers to it needs the id: with it in the index that is walked, the resources
-- themselves, each on a page of its own, are not read.
DROP INDEX resource_live;
CREATE INDEX resource_live ON resource (type, rid, id) WHERE deleted = 0;
