DROP TABLE contained;
DELETE FROM idx_token WHERE rid < 0;
DELETE FROM idx_string WHERE rid < 0;
DELETE FROM idx_reference WHERE rid < 0 OR target_type < -1;
DELETE FROM idx_date WHERE rid < 0;
DELETE FROM idx_number WHERE rid < 0;
DELETE FROM idx_quantity WHERE rid < 0;
DELETE FROM idx_uri WHERE rid < 0;
DELETE FROM idx_composite WHERE rid < 0;
-- What remains are the rows of the rules before.
UPDATE index_rules SET number = 4 WHERE number = 5;
UPDATE index_rules SET number = -4 WHERE number = -5;
