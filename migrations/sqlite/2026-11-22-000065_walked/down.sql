DROP INDEX resource_live;
CREATE INDEX resource_live ON resource (type, rid) WHERE deleted = 0;
