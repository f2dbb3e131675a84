//! Criteria of one name in several rule sets: each with facts for it, facts against it and facts that do not tell.

use super::*;
use crate::definitions::CANONICAL;
use crate::palliative::record::CLAIMS_EXTENSION;

/// A criterion by its id, which means the same in every rule set, and facts under which it is met, not met, unknown.
pub(super) struct Shared {
    pub(super) id: &'static str,
    pub(super) states: [Vec<Value>; 3],
}

pub(super) fn shared(id: &'static str, met: Vec<Value>, not_met: Vec<Value>, unknown: Vec<Value>) -> Shared {
    Shared { id, states: [met, not_met, unknown] }
}

pub(super) fn all() -> Vec<Shared> {
    let parts = [
        diagnoses(),
        numbers(),
        attested(),
        with_an_attestation(),
        encounters(),
        acts(),
        dates(),
        social::answers(),
        others(),
        homes::cases(),
    ];
    parts.into_iter().flatten().collect()
}

fn diagnoses() -> Vec<Shared> {
    let unconfirmed = json!({ "verificationStatus": { "coding": [{ "code": "provisional" }] } });
    let of = |(id, icd): (&'static str, &str)| {
        let found = condition(ICD, icd);
        shared(id, vec![found.clone()], vec![other_condition()], vec![with(found, unconfirmed.clone())])
    };
    [
        ("dx-renal", "N18.6"),
        ("dx-dementia", "F03.90"),
        ("dx-stroke", "I63.9"),
        ("dx-sickle-cell", "D57.1"),
        ("dx-hiv", "B20"),
        ("dx-ckd4", "N18.4"),
        ("dx-ckd5", "N18.5"),
        ("dx-ckd45", "N18.4"),
        ("dx-transplant", "Z94.0"),
        ("dx-cirrhosis", "K74.60"),
        ("dx-mobility-neuro", "G80.9"),
        ("advanced-illness", "J43.9"),
        ("peds-condition", "E75.02"),
        ("hrsn", "Z59.41"),
        ("frailty-dx", "L89.152"),
        ("frailty-sx", "R54"),
    ]
    .into_iter()
    .map(of)
    .collect()
}

fn numbers() -> Vec<Shared> {
    let of = |(id, code, unit, met, not_met): (&'static str, &str, &str, f64, f64)| {
        let value = |value, unit| {
            let mut fact = observation(code, "2025-11-01", quantity(value, unit));
            if code == "763264000" {
                fact["code"]["coding"][0]["system"] = json!(SCT);
            }
            vec![fact]
        };
        shared(id, value(met, unit), value(not_met, unit), value(met, "mmol/L"))
    };
    [
        ("pps-le70", "pps", "%", 70.0, 80.0),
        ("pps-le60", "pps", "%", 60.0, 70.0),
        ("pps-le50", "pps", "{score}", 50.0, 60.0),
        ("pps-lt70", "pps", "%", 60.0, 70.0),
        ("pps-le40", "pps", "%", 40.0, 50.0),
        ("kps-le70", "89243-0", "{score}", 70.0, 80.0),
        ("kps-le50", "89243-0", "{score}", 50.0, 60.0),
        ("ecog-ge2", "89247-1", "{score}", 2.0, 1.0),
        ("ecog-ge3", "89247-1", "{score}", 3.0, 2.0),
        ("adl-ge2", "adl-dependence-count", "{count}", 2.0, 1.0),
        ("adl-ge3", "adl-dependence-count", "{count}", 3.0, 2.0),
        ("barthel-le60", "96761-2", "{score}", 60.0, 65.0),
        ("cfs-ge5", "763264000", "{score}", 5.0, 4.0),
        ("cfi-ge25", "cfi", "{score}", 0.25, 0.24),
        ("esas-ge4", "esas-pain", "{score}", 4.0, 3.0),
        ("symptom-ge7", "72514-3", "{score}", 7.0, 6.0),
        ("esas-wellbeing-ge4", "esas-wellbeing", "{score}", 4.0, 3.0),
        ("ipos-item-ge3", "ipos-item", "{score}", 3.0, 2.0),
        ("phq9-ge10", "44261-6", "{score}", 10.0, 9.0),
        ("bmi-lt20", "39156-5", "kg/m2", 19.9, 20.0),
        ("albumin-lt25", "1751-7", "g/dL", 2.4, 2.5),
        ("egfr-lt30", "33914-3", "mL/min/{1.73_m2}", 29.0, 30.0),
        ("hcc-ge3", "hcc-risk-score", "{score}", 3.0, 2.9),
        ("hcc-ge2", "hcc-risk-score", "{score}", 2.0, 1.9),
        ("hcc-esrd", "hcc-risk-score-esrd", "{score}", 0.35, 0.34),
    ]
    .into_iter()
    .map(of)
    .collect()
}

fn attested() -> Vec<Shared> {
    let group = |value: Value| vec![attestation("peds-group", value)];
    let of_group = |code: &str| group(concept(&format!("{CANONICAL}/CodeSystem/peds-group"), code));
    let text = json!({ "valueString": "severe" });
    let one = shared("peds-group", of_group("2"), of_group("none"), group(text));
    let of = |(id, code): (&'static str, &str)| shared(id, vec![yes(code)], vec![no(code)], vec![]);
    let all = [
        ("unmet-need", "unmet-need"),
        ("prognosis-6m", "prognosis-6m"),
        ("disease-guideline", "hospice-disease-guideline"),
        ("no-pcp", "no-consistent-primary-care"),
        ("family-agrees", "family-agrees"),
        ("surprise-question", "surprise-question-12m"),
        ("spict-clinical", "spict-clinical"),
        ("gsf-trigger", "gsf-trigger"),
        ("decline", "advanced-decline"),
        ("complex-symptoms", "complex-symptom-burden"),
        ("multimorbidity", "significant-comorbidity"),
        ("declining-response", "declining-response"),
        ("no-further-treatment", "no-further-invasive-intervention"),
        ("sentinel-event", "sentinel-event"),
        ("poor-dialysis", "poor-dialysis-tolerance"),
        ("conservative-kidney", "conservative-kidney-care"),
        ("refractory", "refractory-symptoms"),
    ];
    all.into_iter().map(of).chain([one]).collect()
}

/// What is measured and may be attested as well: only both together speak against it.
fn with_an_attestation() -> Vec<Shared> {
    let zarit = |value: i64| observation("zbi-12", "2025-11-01", json!({ "valueInteger": value }));
    let esas = |date: &str, value: i64| observation("esas-pain", date, json!({ "valueInteger": value }));
    let asked = |status: &str| {
        json!({ "resourceType": "ServiceRequest", "status": status, "intent": "order", "authoredOn": "2025-11-01",
            "code": { "coding": [{ "system": SCT, "code": "306237005" }] }, "subject": { "reference": "Patient/p" },
            "requester": { "reference": "RelatedPerson/r" } })
    };
    vec![
        shared(
            "caregiver-strain",
            vec![zarit(13)],
            vec![zarit(12), no("caregiver-strain-attested")],
            vec![zarit(12)],
        ),
        shared(
            "symptoms-persist",
            vec![esas("2025-10-01", 7), esas("2025-11-01", 8)],
            vec![esas("2025-10-01", 7), esas("2025-11-01", 3), no("persistent-symptoms")],
            vec![esas("2025-11-01", 8)],
        ),
        shared(
            "request",
            vec![asked("active")],
            vec![asked("revoked"), no("requests-supportive-care")],
            vec![],
        ),
    ]
}

/// So many encounters of a class, a month apart.
pub(super) fn visits(class: &str, count: usize) -> Vec<Value> {
    let months = ["07", "08", "09", "10", "11"];
    months[..count]
        .iter()
        .map(|month| {
            let start = format!("2025-{month}-03T10:00:00-07:00");
            encounter(class, &start, &format!("2025-{month}-04T10:00:00-07:00"))
        })
        .collect()
}

fn encounters() -> Vec<Shared> {
    let counts = [
        ("hosp1-12", "EMER", 1),
        ("ed2-12", "EMER", 2),
        ("adm2-12", "IMP", 2),
        ("adm4-12", "IMP", 4),
        ("adm2-6", "IMP", 2),
        ("office3", "AMB", 3),
    ];
    let of = |(id, class, count): (&'static str, &str, usize)| {
        let too_few = || visits(class, count - 1);
        shared(id, visits(class, count), [too_few(), vec![with_feed()]].concat(), too_few())
    };
    let facility = |end: &str| {
        let of_type = json!({ "type": [{ "coding": [{ "system": SCT, "code": "449411000124106" }] }] });
        with(encounter("NONAC", "2025-03-01", end), of_type)
    };
    let home = |end: &str| encounter("HH", "2025-03-01", end);
    let stays = [
        shared(
            "snf45",
            vec![facility("2025-04-15")],
            vec![with_feed(), facility("2025-04-14")],
            vec![facility("2025-04-14")],
        ),
        shared(
            "hh90",
            vec![home("2025-05-29")],
            vec![with_feed(), home("2025-05-28")],
            vec![home("2025-05-28")],
        ),
    ];
    counts.into_iter().map(of).chain(stays).collect()
}

fn acts() -> Vec<Shared> {
    let claims = || {
        let feed = json!([{ "url": CLAIMS_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }]);
        with(patient("1955-01-01"), json!({ "extension": feed }))
    };
    let hcpcs = "urn:oid:2.16.840.1.113883.6.285";
    let device = |system: &str, code: &str| {
        vec![
            json!({ "resourceType": "DeviceRequest", "status": "active", "intent": "order", "authoredOn": "2025-02-01",
            "codeCodeableConcept": { "coding": [{ "system": system, "code": code }] },
            "subject": { "reference": "Patient/p" } }),
        ]
    };
    let service = |date: &str| {
        json!({ "resourceType": "Procedure", "status": "completed", "performedDateTime": date,
            "code": { "coding": [{ "system": hcpcs, "code": "T1030" }] }, "subject": { "reference": "Patient/p" } })
    };
    let document = |more: Value| {
        let base = json!({ "resourceType": "DocumentReference", "status": "current",
            "type": { "coding": [{ "system": LOINC, "code": "81334-5" }] } });
        vec![with(base, more)]
    };
    let once = || service("2025-05-01");
    vec![
        shared("acp-on-file", document(json!({})), vec![], document(json!({ "docStatus": "preliminary" }))),
        shared("bed-transfer", device(hcpcs, "E0260"), vec![claims()], vec![]),
        shared("frailty-device", device(SCT, "266731002"), vec![claims()], vec![with_feed()]),
        shared("frailty-service", vec![once(), service("2025-06-01")], vec![claims(), once()], vec![once()]),
    ]
}

/// Dates of service, of which the claims of a patient of 70 tell all.
fn dates() -> Vec<Shared> {
    let claims = json!([{ "url": CLAIMS_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }]);
    let all_told = with(patient("1955-01-01"), json!({ "extension": claims }));
    let told = |date: &str, icd: &str| with(encounter("AMB", date, date), because(icd));
    let of = |(id, icd): (&'static str, &str)| {
        let once = || told("2025-05-01", icd);
        shared(id, vec![once(), told("2025-06-01", icd)], vec![all_told.clone(), once()], vec![once()])
    };
    [("frailty-dates", "R54"), ("advanced-illness-dates", "J43.9")].into_iter().map(of).collect()
}

fn others() -> Vec<Shared> {
    let weights = |end: f64| {
        let of = |date: &str, value| observation("29463-7", date, quantity(value, "kg"));
        vec![of("2025-07-01", 60.0), of("2025-11-01", end)]
    };
    let covered = |payer: &str| {
        json!({ "resourceType": "Coverage", "status": "active", "period": { "start": "2020-01-01" },
            "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": payer }] } })
    };
    let elected = |period: Value| vec![with(hospice_flag(), json!({ "period": period }))];
    vec![
        shared("weight-loss-5", weights(57.0), weights(57.5), vec![]),
        shared("weight-loss-10", weights(53.9), weights(54.0), vec![]),
        shared("age66", vec![patient("1959-12-01")], vec![patient("1959-12-02")], vec![]),
        shared("age81", vec![patient("1944-12-01")], vec![patient("1944-12-02")], vec![]),
        shared("medicare-year", vec![covered("12")], vec![covered("51")], vec![]),
        shared(
            "hospice-30d",
            elected(json!({ "start": "2025-01-01", "end": "2025-11-01" })),
            elected(json!({ "start": "2025-01-01", "end": "2025-10-31" })),
            elected(json!({ "start": "2025-12" })),
        ),
    ]
}
