DROP TRIGGER finding_deleted;
DROP TRIGGER finding_inserted;
DROP TABLE finding_count;
