DROP TABLE stored_parameter;
DROP TABLE parameter_set;
