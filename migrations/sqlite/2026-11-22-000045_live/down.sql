DROP TRIGGER live_changed;
DROP TRIGGER live_inserted;
DROP TABLE live;
