DROP TRIGGER live_changed ON resource;
DROP TRIGGER live_inserted ON resource;
DROP FUNCTION live_changed();
DROP FUNCTION live_inserted();
DROP FUNCTION live_slot();
DROP TABLE live;
