DROP FUNCTION parameter_set_number();
DROP TABLE stored_parameter;
DROP TABLE parameter_set;
