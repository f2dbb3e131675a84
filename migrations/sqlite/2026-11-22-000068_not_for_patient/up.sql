-- What is kept from the patient whom it is about, and from whoever reads with the patient's rights: by its label NOPAT, or
-- as it says what a clinician thinks of the time that is left, how a caregiver is, or that there is abuse. What is
-- stored is taken in: by its codes and labels, tiers and scores of need, and the records of screenings and
-- stratifications, which told outcomes that turn on such. The numbers are those of the search parameters (code and
-- combo-code of Observation, code of Condition, reason-code of Encounter, method of RiskAssessment, subtype of
-- AuditEvent, _security of each type in a patient's compartment) and of the code systems.
CREATE TABLE not_for_patient (rid INTEGER PRIMARY KEY);
INSERT INTO not_for_patient (rid)
SELECT rid FROM idx_token WHERE param IN (747256434, 1168087447) AND system = 96248561979553
    AND code IN ('surprise-question-12m', 'zbi-4', 'zbi-6', 'zbi-12',
        'zbi-22', 'caregiver-strain-attested', 'prognosis-6m', 'hospice-disease-guideline',
        'program-risk-score', 'program-risk-tier')
UNION
SELECT rid FROM idx_token WHERE param IN (747256434, 1168087447, 2127618212, 1144927777)
    AND system = 22710259978103
    AND (code >= 'T74' AND code < 'T75' OR code >= 'T76' AND code < 'T77')
UNION
SELECT rid FROM idx_token WHERE param = 1562517496 AND code = 'palliative-risk-v1'
    AND system = 125780213502784
UNION
SELECT rid FROM idx_token WHERE param = 947871697 AND code IN ('palliative-screen', 'palliative-stratify')
    AND system = 140155279950709
UNION
SELECT rid FROM idx_token WHERE code = 'NOPAT' AND system = 111399241861214 AND param IN (
    979610619, 1660619560, 183874044, 723359853, 1140570179, 1767224463, 882764579, 1194025160, 1878667012,
    1553225032, 1718784214, 171371955, 1577186900, 1936006862, 1188876492, 148454217, 843266166, 617484181,
    1480246497, 319714561, 586288082, 1631393690, 2125440763, 557064091, 1918838796, 1362253057, 1923395657,
    171979790, 1710830389, 282022368, 2092326512, 1633393599, 1778193657, 1904321657, 1151504512, 188527130,
    691580189, 402846337, 1186113265, 1398412827, 1948211571, 929884356, 1467876092, 200208791, 1817067104, 314176855,
    1476086790, 342799735, 2024206884, 1140493156, 545443905, 1645827295, 559315603, 965809239, 1960044756, 892164515,
    536054987, 1965446258, 368346293, 853136350, 2141558863, 221827942, 479580188, 1192863824, 975627250);
