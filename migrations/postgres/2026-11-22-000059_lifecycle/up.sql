-- The agreement on which an open episode rests, by which its withdrawal finds the episode.
ALTER TABLE episode ADD COLUMN consent TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE episode SET consent = split_part(x.value #>> '{valueReference,reference}', '/', 2)
FROM resource r, LATERAL json_array_elements(CAST(convert_from(r.body, 'UTF8') AS json) -> 'extension') x (value)
WHERE r.rid = episode.rid AND r.deleted = 0
    AND x.value ->> 'url' = 'https://comfrey.health/fhir/StructureDefinition/enrollment-consent'
    AND x.value #>> '{valueReference,reference}' LIKE 'Consent/%';
CREATE INDEX episode_consent ON episode (consent) WHERE open = 1 AND consent <> '';

-- The care plan that holds for an episode: there is at most one. Where there were several, it is the one that the
-- template made, else the first.
CREATE TABLE care_plan (rid BIGINT PRIMARY KEY, episode TEXT COLLATE "C" NOT NULL);
CREATE UNIQUE INDEX care_plan_current ON care_plan (episode);
INSERT INTO care_plan (rid, episode)
SELECT p.rid, split_part(i.value ->> 'value', '/', 1)
FROM resource p,
    LATERAL CAST(convert_from(p.body, 'UTF8') AS json) j,
    LATERAL json_array_elements(j -> 'identifier') i (value)
WHERE p.type = 13 AND p.deleted = 0
    AND j ->> 'status' NOT IN ('revoked', 'completed', 'entered-in-error')
    AND i.value ->> 'system' = 'https://comfrey.health/fhir/NamingSystem/care-plan-item'
    AND i.value ->> 'value' LIKE '%/%/plan'
ORDER BY p.rid
ON CONFLICT DO NOTHING;
INSERT INTO care_plan (rid, episode)
SELECT p.rid, split_part(x.value #>> '{valueReference,reference}', '/', 2)
FROM resource p,
    LATERAL CAST(convert_from(p.body, 'UTF8') AS json) j,
    LATERAL json_array_elements(j -> 'extension') x (value)
WHERE p.type = 13 AND p.deleted = 0
    AND j ->> 'status' NOT IN ('revoked', 'completed', 'entered-in-error')
    AND j ->> 'intent' IN ('plan', 'order')
    AND x.value ->> 'url' = 'https://comfrey.health/fhir/StructureDefinition/palliative-episode'
    AND x.value #>> '{valueReference,reference}' LIKE 'EpisodeOfCare/%'
    AND EXISTS (
        SELECT 1 FROM json_array_elements(j -> 'category') c (value), json_array_elements(c.value -> 'coding') d (value)
        WHERE d.value ->> 'system' = 'https://comfrey.health/fhir/CodeSystem/palliative-careplan-category'
            AND d.value ->> 'code' = 'palliative')
ORDER BY p.rid
ON CONFLICT DO NOTHING;
