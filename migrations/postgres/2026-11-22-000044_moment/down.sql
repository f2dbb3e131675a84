DROP FUNCTION moment_last();
DROP FUNCTION moment_take(BIGINT);
DROP SEQUENCE moment;
