DROP TABLE history_not_for_patient;
