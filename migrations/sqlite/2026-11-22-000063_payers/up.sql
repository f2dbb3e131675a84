-- Who pays for a month that a kept run has as payable: a run of one payer is none of what another owes. The runs say it
-- themselves. Where no run is kept any more that says who it was, the month stands for whoever pays, as it did before.
ALTER TABLE payment_month RENAME TO payment_month_before;
CREATE TABLE payment_month (
    episode TEXT NOT NULL,
    month TEXT NOT NULL,
    payers TEXT NOT NULL,
    PRIMARY KEY (episode, month, payers)
) WITHOUT ROWID;
INSERT INTO payment_month (episode, month, payers)
SELECT DISTINCT substr(json_extract(l.value, '$.episode'), 15), json_extract(l.value, '$.month'), coalesce((
    SELECT group_concat(q.payer, ' ') FROM (
        SELECT 0 AS place,
            coalesce(json_extract(l.value, '$.cover.payer'), 'line:' || json_extract(l.value, '$.cover.billed')) AS payer
        UNION ALL
        SELECT 1 + o.key, coalesce(o.value, 'line:' || json_extract(l.value, '$.cover.billed'))
        FROM json_each(l.value, '$.cover.others') o
        ORDER BY 1) q), '*')
FROM payment_run r, json_each(CAST(r.lines AS TEXT)) l
WHERE json_extract(l.value, '$.episode') LIKE 'EpisodeOfCare/%'
    AND json_extract(l.value, '$.unit') > 0 AND NOT json_extract(l.value, '$.provisional');
INSERT INTO payment_month (episode, month, payers)
SELECT b.episode, b.month, '*' FROM payment_month_before b
WHERE NOT EXISTS (SELECT 1 FROM payment_month m WHERE m.episode = b.episode AND m.month = b.month);
DROP TABLE payment_month_before;
