-- Whom no programme is to call any more is asked for by the patient: one whose death an episode has on record.
CREATE INDEX episode_deceased ON episode (patient) WHERE state = 'deceased';
