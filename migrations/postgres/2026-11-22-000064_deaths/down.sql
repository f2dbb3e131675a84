DROP INDEX episode_deceased;
