DROP TABLE index_rules;
