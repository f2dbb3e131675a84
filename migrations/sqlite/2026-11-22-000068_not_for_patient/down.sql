DROP TABLE not_for_patient;
