-- Who pays for a month that a kept run has as payable: a run of one payer is none of what another owes. The runs say it
-- themselves. Where no run is kept any more that says who it was, the month stands for whoever pays, as it did before.
ALTER TABLE payment_month RENAME TO payment_month_before;
ALTER INDEX payment_month_pkey RENAME TO payment_month_before_pkey;
CREATE TABLE payment_month (
    episode TEXT COLLATE "C" NOT NULL,
    month TEXT COLLATE "C" NOT NULL,
    payers TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (episode, month, payers)
);
INSERT INTO payment_month (episode, month, payers)
SELECT DISTINCT substr(l.line ->> 'episode', 15), l.line ->> 'month', coalesce((
    SELECT string_agg(coalesce(p.payer #>> '{}', 'line:' || (l.line #>> '{cover,billed}')), ' ' ORDER BY p.place)
    FROM jsonb_array_elements(
        jsonb_build_array(l.line #> '{cover,payer}') || coalesce(l.line #> '{cover,others}', '[]'))
        WITH ORDINALITY AS p (payer, place)), '*')
FROM payment_run r CROSS JOIN LATERAL jsonb_array_elements(convert_from(r.lines, 'UTF8')::jsonb) AS l (line)
WHERE l.line ->> 'episode' LIKE 'EpisodeOfCare/%'
    AND (l.line ->> 'unit')::BIGINT > 0 AND NOT (l.line ->> 'provisional')::BOOLEAN;
INSERT INTO payment_month (episode, month, payers)
SELECT b.episode, b.month, '*' FROM payment_month_before b
WHERE NOT EXISTS (SELECT 1 FROM payment_month m WHERE m.episode = b.episode AND m.month = b.month);
DROP TABLE payment_month_before;
