DROP TABLE finding_lease;
DROP TABLE finding_set;
DROP TABLE finding_program;
DROP TABLE finding_state;
DROP TABLE finding_name;
DROP TABLE finding_due;
DROP TABLE finding_rules;
