DROP TRIGGER finding_deleted ON finding_program;
DROP TRIGGER finding_inserted ON finding_program;
DROP FUNCTION finding_deleted();
DROP FUNCTION finding_inserted();
DROP TABLE finding_count;
