use serde_json::json;

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn record(resources: Value) -> PatientRecord {
    let resources = resources.as_array().unwrap().iter().cloned();
    let resources = resources.map(|value| Resource::from_value(value).unwrap()).collect();
    PatientRecord::new("p", resources, &zone("America/Phoenix"))
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn t1_a_stay_is_dated_in_the_programmes_zone() {
    let record = record(json!([{ "resourceType": "Encounter", "id": "e", "status": "finished",
        "class": { "code": "IMP" },
        "period": { "start": "2025-03-11T05:30:00Z", "end": "2025-03-12T08:00:00Z" } }]));
    let encounter = &record.encounters[0];
    assert_eq!(encounter.start.as_ref().unwrap().first, date("2025-03-10"));
    assert_eq!(encounter.end.as_ref().unwrap().last, date("2025-03-12"));
}

#[test]
fn a_partial_date_of_birth_leaves_a_span_of_ages() {
    let of = |birth: &str| record(json!([{ "resourceType": "Patient", "id": "p", "birthDate": birth }]));
    assert_eq!(of("2004-11-22").age_on(date("2025-11-21")), Some((20, 20)));
    assert_eq!(of("2004-11-22").age_on(date("2025-11-22")), Some((21, 21)));
    assert_eq!(of("2004").age_on(date("2025-11-22")), Some((20, 21)));
    assert_eq!(of("2004-02-29").age_on(date("2025-02-28")), Some((20, 20)));
    assert_eq!(of("2004-02-29").age_on(date("2025-03-01")), Some((21, 21)));
    assert_eq!(record(json!([])).age_on(date("2025-03-01")), None);
}

#[test]
fn a_feed_covers_a_window_only_without_a_gap() {
    let feed = |start: &str, end: Value| {
        let mut period = json!({ "start": start });
        if !end.is_null() {
            period["end"] = end;
        }
        json!({ "url": FEED_EXTENSION, "valuePeriod": period })
    };
    let of = |feeds: Value| record(json!([{ "resourceType": "Patient", "id": "p", "extension": feeds }]));
    let (from, to) = (date("2025-01-01"), date("2025-12-31"));
    assert!(of(json!([feed("2024-01-01", Value::Null)])).feed_covers(from, to));
    assert!(
        of(json!([feed("2024-01-01", json!("2025-06-30")), feed("2025-07-01", Value::Null)]))
            .feed_covers(from, to)
    );
    assert!(
        !of(json!([feed("2024-01-01", json!("2025-06-30")), feed("2025-07-02", Value::Null)]))
            .feed_covers(from, to)
    );
    assert!(!of(json!([feed("2025-01-02", Value::Null)])).feed_covers(from, to));
    assert!(!of(json!([feed("2025", Value::Null)])).feed_covers(from, to), "a year may begin late");
    assert!(
        !of(json!([{ "url": "https://example.org/other", "valuePeriod": { "start": "2020-01-01" } }]))
            .feed_covers(from, to)
    );
    assert!(!of(json!([])).feed_covers(from, to));
    let by_coverage = |status: &str| {
        record(json!([{ "resourceType": "Patient", "id": "p" }, { "resourceType": "Coverage", "id": "c",
            "status": status, "extension": [feed("2024-01-01", Value::Null)] }]))
    };
    for (status, counts) in
        [("active", true), ("cancelled", true), ("draft", false), ("entered-in-error", false)]
    {
        assert_eq!(by_coverage(status).feed_covers(from, to), counts, "{status}");
    }
}

#[test]
fn a_death_is_known_from_its_date_on() {
    let of = |patient: Value| {
        let mut whole = json!({ "resourceType": "Patient", "id": "p" });
        whole.as_object_mut().unwrap().extend(patient.as_object().unwrap().clone());
        record(json!([whole]))
    };
    assert!(!of(json!({})).deceased_by(date("2025-01-01")));
    assert!(!of(json!({ "deceasedBoolean": false })).deceased_by(date("2025-01-01")));
    assert!(of(json!({ "deceasedBoolean": true })).deceased_by(date("2025-01-01")));
    let dated = of(json!({ "deceasedDateTime": "2025-02-01T03:00:00Z" }));
    assert!(dated.deceased_by(date("2025-01-31")), "it was still January in Phoenix");
    assert!(!dated.deceased_by(date("2025-01-30")));
}

#[test]
fn numbers_keep_the_room_that_their_form_leaves() {
    let interval = |element: &str, json: Value| {
        let observed = Observed::read(&json!({ "resourceType": "Observation", element: json })).unwrap();
        match observed.meaning {
            Meaning::Number(interval, _) => Some(interval),
            _ => None,
        }
    };
    let quantity = |value: Value| interval("valueQuantity", value);
    assert_eq!(quantity(json!({ "value": 25 })), Some(Interval::exactly(25.0)));
    let below = quantity(json!({ "value": 30, "comparator": "<" })).unwrap();
    assert!(below.is_within(&Interval {
        low: f64::NEG_INFINITY,
        low_open: false,
        high: 30.0,
        high_open: true
    }));
    assert!(below.is_apart_from(&Interval::between(30.0, 100.0)));
    assert!(
        !quantity(json!({ "value": 30, "comparator": "<=" }))
            .unwrap()
            .is_apart_from(&Interval::between(30.0, 100.0))
    );
    let range = json!({ "low": { "value": 25, "unit": "%" }, "high": { "value": 30, "unit": "%" } });
    assert_eq!(interval("valueRange", range), Some(Interval::between(25.0, 30.0)));
    let mixed = json!({ "low": { "value": 25, "unit": "%" }, "high": { "value": 30, "unit": "mL" } });
    assert_eq!(interval("valueRange", mixed), None);
    let sampled = |data: &str| {
        interval(
            "valueSampledData",
            json!({ "origin": { "value": 10, "unit": "%" }, "period": 1, "factor": 2,
            "dimensions": 1, "lowerLimit": 5, "data": data }),
        )
    };
    assert_eq!(sampled("5 10 7"), Some(Interval::between(20.0, 30.0)));
    assert_eq!(sampled("5 L").unwrap().low, f64::NEG_INFINITY);
    assert_eq!(sampled("5 E").unwrap().high, f64::INFINITY);
    assert_eq!(sampled("5 U"), None, "there is no upper limit");
}

#[test]
fn a_component_is_an_observation_of_its_own() {
    let record = record(json!([{ "resourceType": "Observation", "id": "o", "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "34552-0" }] },
        "effectivePeriod": { "start": "2025-01-01", "end": "2025-01-03" },
        "performer": [{ "reference": "https://ehr.example.org/fhir/Practitioner/1/_history/2" }],
        "component": [{ "code": { "coding": [{ "system": "http://loinc.org", "code": "10230-1" }] },
                        "valueQuantity": { "value": 25, "unit": "%" } }] }]));
    let [whole, part] = record.observations.as_slice() else { panic!("two observations") };
    assert!(whole.value.is_none());
    assert!(part.code.has("http://loinc.org", "10230-1") && part.is_final && part.by_practitioner);
    assert_eq!(part.source, "Observation/o");
    let effective = part.effective.as_ref().unwrap();
    assert_eq!((effective.first, effective.last), (date("2025-01-01"), date("2025-01-03")));
}

#[test]
fn t29_what_is_about_the_caregiver_is_not_about_the_patient() {
    let of = |focus: &str| {
        record(json!([{ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "x" },
            "subject": { "reference": "Patient/p" }, "focus": [{ "reference": focus }] }]))
    };
    assert!(of("RelatedPerson/r").observations[0].of_another);
    assert!(!of("Patient/p").observations[0].of_another);
}

#[test]
fn a_performer_who_is_no_practitioner_does_not_attest() {
    let of = |performer: Value| {
        record(json!([{ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "x" },
            "performer": [performer] }]))
    };
    for (performer, attests) in [
        (json!({ "reference": "Practitioner/1" }), true),
        (json!({ "reference": "PractitionerRole/1" }), true),
        (json!({ "type": "Practitioner", "identifier": { "value": "1" } }), true),
        (json!({ "reference": "Patient/p" }), false),
        (json!({ "reference": "Organization/Practitioner" }), false),
        (json!({ "display": "Practitioner" }), false),
    ] {
        assert_eq!(of(performer.clone()).observations[0].by_practitioner, attests, "{performer}");
    }
}

#[test]
fn a_reference_is_followed_in_every_form() {
    for (reference, id) in [
        ("Encounter/1", "1"),
        ("https://ehr.example.org/fhir/Encounter/1", "1"),
        ("Encounter/1/_history/3", "1"),
        ("urn:uuid:9dc6bb2f-55db-4006-bb87-4a656c51aaa0", "9dc6bb2f-55db-4006-bb87-4a656c51aaa0"),
        ("#m", "m"),
    ] {
        assert_eq!(target_id(&json!({ "reference": reference })), Some(id));
    }
    assert_eq!(target_id(&json!({ "display": "somewhere" })), None);
}

#[test]
fn a_medicine_is_found_in_the_request_in_it_and_beside_it() {
    let warfarin = json!({ "coding": [{ "system": "urn:oid:2.16.840.1.113883.6.88", "code": "11289" }] });
    let request = |rest: Value| {
        let mut whole = json!({ "resourceType": "MedicationRequest", "id": "r", "status": "active" });
        whole.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        whole
    };
    let contained = json!({ "contained": [{ "resourceType": "Medication", "id": "m", "code": warfarin }],
                            "medicationReference": { "reference": "#m" } });
    let beside = json!([request(json!({ "medicationReference": { "reference": "Medication/m" } })),
                        { "resourceType": "Medication", "id": "m", "code": warfarin }]);
    for resources in [
        json!([request(json!({ "medicationCodeableConcept": warfarin }))]),
        json!([request(contained)]),
        beside,
    ] {
        let record = record(resources);
        assert!(record.medications[0].medicine.has("http://www.nlm.nih.gov/research/umls/rxnorm", "11289"));
    }
}
