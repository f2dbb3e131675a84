DROP TABLE care_plan;
DROP INDEX episode_consent;
ALTER TABLE episode DROP COLUMN consent;
