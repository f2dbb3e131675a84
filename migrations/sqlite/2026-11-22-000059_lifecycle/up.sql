-- The agreement on which an open episode rests, by which its withdrawal finds the episode.
ALTER TABLE episode ADD COLUMN consent TEXT NOT NULL DEFAULT '';
UPDATE episode SET consent = coalesce((
    SELECT substr(json_extract(x.value, '$.valueReference.reference'), 9)
    FROM resource r, json_each(CAST(r.body AS TEXT), '$.extension') x
    WHERE r.rid = episode.rid AND r.deleted = 0
        AND json_extract(x.value, '$.url') = 'https://comfrey.health/fhir/StructureDefinition/enrollment-consent'
        AND json_extract(x.value, '$.valueReference.reference') LIKE 'Consent/%'
    LIMIT 1), '');
UPDATE episode SET consent = substr(consent, 1, instr(consent, '/_history/') - 1) WHERE consent LIKE '%/_history/%';
CREATE INDEX episode_consent ON episode (consent) WHERE open = 1 AND consent <> '';

-- The care plan that holds for an episode: there is at most one. Where there were several, it is the one that the
-- template made, else the first.
CREATE TABLE care_plan (rid INTEGER PRIMARY KEY, episode TEXT NOT NULL);
CREATE UNIQUE INDEX care_plan_current ON care_plan (episode);
INSERT INTO care_plan (rid, episode)
SELECT p.rid, substr(json_extract(i.value, '$.value'), 1, instr(json_extract(i.value, '$.value'), '/') - 1)
FROM resource p, json_each(CAST(p.body AS TEXT), '$.identifier') i
WHERE p.type = 13 AND p.deleted = 0
    AND json_extract(CAST(p.body AS TEXT), '$.status') NOT IN ('revoked', 'completed', 'entered-in-error')
    AND json_extract(i.value, '$.system') = 'https://comfrey.health/fhir/NamingSystem/care-plan-item'
    AND json_extract(i.value, '$.value') LIKE '%/%/plan'
ORDER BY p.rid
ON CONFLICT DO NOTHING;
INSERT INTO care_plan (rid, episode)
SELECT p.rid, substr(
    json_extract(x.value, '$.valueReference.reference'), 15,
    instr(json_extract(x.value, '$.valueReference.reference') || '/_history/', '/_history/') - 15)
FROM resource p, json_each(CAST(p.body AS TEXT), '$.extension') x
WHERE p.type = 13 AND p.deleted = 0
    AND json_extract(CAST(p.body AS TEXT), '$.status') NOT IN ('revoked', 'completed', 'entered-in-error')
    AND json_extract(CAST(p.body AS TEXT), '$.intent') IN ('plan', 'order')
    AND json_extract(x.value, '$.url') = 'https://comfrey.health/fhir/StructureDefinition/palliative-episode'
    AND json_extract(x.value, '$.valueReference.reference') LIKE 'EpisodeOfCare/%'
    AND EXISTS (
        SELECT 1 FROM json_each(CAST(p.body AS TEXT), '$.category') c, json_each(c.value, '$.coding') d
        WHERE json_extract(d.value, '$.system') = 'https://comfrey.health/fhir/CodeSystem/palliative-careplan-category'
            AND json_extract(d.value, '$.code') = 'palliative')
ORDER BY p.rid
ON CONFLICT DO NOTHING;
