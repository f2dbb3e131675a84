//! Random changes of all that kept findings rest on: people, their facts, medicines, programmes, rule sets, days.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use super::findings_places::a_place;
use super::findings_places::a_role;
use super::*;
use crate::fhir::datetime::DAY;
use crate::fhir::datetime::date_in;
use crate::palliative::enrollment::STATE_EXTENSION;
use crate::palliative::vocabulary::COMPUTED_TIER_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::RISK_METHOD_SYSTEM;
use crate::palliative::vocabulary::TIER_SYSTEM;

/// The programmes that there may be.
pub const PROGRAMS: [&str; 2] = ["default", "second"];
/// How many patients there may be: `p0` and so on.
pub const PATIENTS: u64 = 4;
const OWN: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";

/// Draws numbers, the same for the same beginning.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn patient(&mut self) -> Value {
        json!({ "reference": format!("Patient/p{}", self.below(PATIENTS)) })
    }

    /// A day between so many before today and so many after.
    pub fn day(&mut self, today: Date, (before, after): (u64, u64)) -> Date {
        let days = i64::try_from(self.below(before + after)).unwrap() - i64::try_from(before).unwrap();
        today.saturating_add(days.days())
    }
}

/// One random change; what it was, and whether it was taken.
pub fn change(session: &Session, draw: &mut Draw) -> (String, bool) {
    let session = &Session::system(Arc::clone(&session.app));
    let today = date_in(session.now(), session.zone());
    let kind = draw.below(26);
    let value = match kind {
        0..=2 => a_patient(draw, today),
        3..=4 => a_condition(draw, today),
        5..=6 => a_stay(draw, today),
        7..=9 => an_observation(draw, today),
        10 => a_coverage(draw, today),
        11 => an_election(draw, today),
        12 => a_use_of_medicine(draw, today),
        13 => {
            json!({ "resourceType": "Medication", "id": format!("x{}", draw.below(2)), "code": { "coding": [{
            "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": draw.of(&["11289", "7052", "161"]) }] } })
        }
        14 => a_further_fact(draw, today),
        15 => return by_programme(session, draw, an_assessment),
        16 => return by_programme(session, draw, an_episode),
        17 => a_programme(draw),
        18 => a_rule_set(draw),
        19 => a_place(draw, today),
        20..=21 => a_role(draw, today),
        22..=24 => {
            let all = [
                "Patient",
                "Condition",
                "Encounter",
                "Observation",
                "Coverage",
                "Flag",
                "Medication",
                "RiskAssessment",
                "Organization",
                "PractitionerRole",
            ];
            let (name, letter) =
                draw.of(&all.map(|name| (name, name.chars().next().unwrap().to_ascii_lowercase())));
            let id = format!("{letter}{}", draw.below(3));
            let done = delete(session, ty(name), &id, None).is_ok();
            return (format!("delete {name}/{id}"), done);
        }
        _ => {
            let days = i64::from(draw.of(&[1, 1, 2, 8, 31, 95]));
            session.app.clock.set(session.now() + days * DAY);
            return (format!("{days} days pass"), true);
        }
    };
    let id = value["id"].as_str().unwrap().to_owned();
    let written = update(session, resource(value.clone()), &id, None);
    (value.to_string(), written.is_ok())
}

fn a_patient(draw: &mut Draw, today: Date) -> Value {
    let id = draw.below(PATIENTS);
    let mut patient = json!({ "resourceType": "Patient", "id": format!("p{id}") });
    if let Some(birth) =
        draw.of(&[Some("1950-05-01"), Some("2005-03-10"), Some("1961"), Some("2005-04"), None])
    {
        patient["birthDate"] = birth.into();
    }
    let named = [
        Some("Organization/o0"),
        Some("Organization/o1"),
        Some("PractitionerRole/p0"),
        Some("PractitionerRole/p1"),
        Some("Practitioner/a"),
        Some("Practitioner/b"),
        None,
    ];
    if let Some(named) = draw.of(&named) {
        patient["generalPractitioner"] = json!([{ "reference": named }]);
    }
    match draw.below(8) {
        0 | 4 => patient["deceasedDateTime"] = draw.day(today, (3, 20)).to_string().into(),
        1 => patient["active"] = false.into(),
        2 | 3 => {
            let ty = draw.of(&["replaced-by", "replaces", "seealso", "refer"]);
            patient["link"] = json!([{ "other": draw.patient(), "type": ty }]);
        }
        // One whose other records may both tell of a death, on one day or another.
        5 => {
            let link =
                |draw: &mut Draw| json!({ "other": draw.patient(), "type": draw.of(&["seealso", "refer"]) });
            patient["link"] = json!([link(draw), link(draw)]);
        }
        _ => {}
    }
    patient
}

fn a_condition(draw: &mut Draw, today: Date) -> Value {
    let code = draw.of(&["I50.22", "J44.9", "C78.00", "G30.9", "N18.6", "K74.60"]);
    json!({ "resourceType": "Condition", "id": format!("c{}", draw.below(4)), "subject": draw.patient(),
        "clinicalStatus": { "coding": [{ "code": draw.of(&["active", "active", "resolved"]),
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
        "onsetDateTime": draw.day(today, (300, 20)).to_string(),
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code }] } })
}

fn a_stay(draw: &mut Draw, today: Date) -> Value {
    let start = draw.day(today, (380, 10));
    json!({ "resourceType": "Encounter", "id": format!("e{}", draw.below(4)), "status": "finished",
        "subject": draw.patient(),
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": draw.of(&["IMP", "EMER", "AMB"]) },
        "period": { "start": start.to_string(), "end": start.saturating_add(4.days()).to_string() } })
}

fn an_observation(draw: &mut Draw, today: Date) -> Value {
    let (system, code, unit) = draw.of(&[
        (OWN, "pps", "%"),
        (OWN, "adl-dependence-count", "1"),
        (OWN, "zbi-12", "{score}"),
        (OWN, "esas-pain", "{score}"),
        (LOINC, "44261-6", "{score}"),
        (LOINC, "29463-7", "kg"),
        (LOINC, "10230-1", "%"),
    ]);
    let day = draw.day(today, (200, 15)).to_string();
    let (value, cut) = (draw.of(&[3, 5, 8, 10, 25, 40, 60]), draw.of(&[10, 10, 10, 7, 4]));
    let mut one = json!({ "resourceType": "Observation", "id": format!("o{}", draw.below(6)), "status": "final",
        "subject": draw.patient(), "code": { "coding": [{ "system": system, "code": code }] },
        "effectiveDateTime": &day[..cut] });
    if draw.below(4) == 0 {
        let attested = draw.of(&["surprise-question-12m", "prognosis-under-12-months"]);
        one["code"] = json!({ "coding": [{ "system": OWN, "code": attested }] });
        one["valueBoolean"] = (draw.below(2) == 0).into();
    } else {
        one["valueQuantity"] =
            json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit });
    }
    one
}

fn a_coverage(draw: &mut Draw, today: Date) -> Value {
    json!({ "resourceType": "Coverage", "id": format!("c{}", draw.below(3)), "status": draw.of(&["active", "cancelled"]),
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": draw.of(&["211", "111", "512", "32"]) }] },
        "beneficiary": draw.patient(), "payor": [{ "display": "The plan" }],
        "period": { "start": draw.day(today, (300, 5)).to_string(), "end": draw.day(today, (2, 60)).to_string() } })
}

fn an_election(draw: &mut Draw, today: Date) -> Value {
    let mut flag = json!({ "resourceType": "Flag", "id": format!("f{}", draw.below(2)), "status": "active",
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] }, "subject": draw.patient(),
        "period": { "start": draw.day(today, (20, 10)).to_string() } });
    if draw.below(2) == 0 {
        flag["period"]["end"] = draw.day(today.saturating_add(11.days()), (0, 20)).to_string().into();
    }
    flag
}

fn a_use_of_medicine(draw: &mut Draw, today: Date) -> Value {
    json!({ "resourceType": "MedicationRequest", "id": format!("m{}", draw.below(3)), "status": "active", "intent": "order",
        "subject": draw.patient(), "authoredOn": draw.day(today, (60, 5)).to_string(),
        "medicationReference": { "reference": format!("Medication/x{}", draw.below(2)) } })
}

fn a_further_fact(draw: &mut Draw, today: Date) -> Value {
    let on = draw.day(today, (60, 5)).to_string();
    let subject = draw.patient();
    let oxygen = json!({ "coding": [{ "system": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E0424" }] });
    match draw.below(3) {
        0 => json!({ "resourceType": "DeviceRequest", "id": "d1", "status": "active", "intent": "order",
            "subject": subject, "authoredOn": on, "codeCodeableConcept": oxygen }),
        1 => json!({ "resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order",
            "subject": subject, "authoredOn": on,
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "306205009" }] } }),
        _ => json!({ "resourceType": "Procedure", "id": "q1", "status": "completed", "subject": subject,
            "performedDateTime": on, "code": oxygen }),
    }
}

/// Writes what only the programme may, over the version that is there.
fn by_programme(session: &Session, draw: &mut Draw, make: fn(&mut Draw, Date) -> Value) -> (String, bool) {
    let value = make(draw, date_in(session.now(), session.zone()));
    let id = value["id"].as_str().unwrap().to_owned();
    let action = ChangeAction::update(resource(value.clone()), id, None);
    let done = session.write(vec![Change::programme(action)]).is_ok();
    (value.to_string(), done)
}

fn programme_of(draw: &mut Draw) -> Value {
    json!({ "url": PROGRAM_EXTENSION,
        "valueReference": { "reference": format!("HealthcareService/{}", draw.of(&PROGRAMS)) } })
}

fn an_assessment(draw: &mut Draw, today: Date) -> Value {
    let tier = || ["tier-1", "tier-2", "tier-3", "tier-4"];
    let (held, computed) = (draw.of(&tier()), draw.of(&tier()));
    json!({ "resourceType": "RiskAssessment", "id": format!("r{}", draw.below(3)), "status": "final",
        "extension": [programme_of(draw), { "url": COMPUTED_TIER_EXTENSION, "valueCode": computed }],
        "method": { "coding": [{ "system": RISK_METHOD_SYSTEM, "code": "palliative-risk-v1" }] },
        "subject": draw.patient(), "occurrenceDateTime": draw.day(today, (50, 2)).to_string(),
        "prediction": [{ "qualitativeRisk": { "coding": [{ "system": TIER_SYSTEM, "code": held }] } }] })
}

fn an_episode(draw: &mut Draw, _: Date) -> Value {
    let (status, state) =
        draw.of(&[("planned", "referred"), ("finished", "discharged"), ("finished", "deceased")]);
    json!({ "resourceType": "EpisodeOfCare", "id": format!("h{}", draw.below(3)), "status": status,
        "extension": [programme_of(draw), { "url": STATE_EXTENSION, "valueCoding": { "code": state } }],
        "patient": draw.patient() })
}

fn a_programme(draw: &mut Draw) -> Value {
    let mut settings = vec![
        json!({ "url": "tz", "valueString": draw.of(&["America/Los_Angeles", "Pacific/Auckland"]) }),
        json!({ "url": "attestationValidDays", "valueInteger": draw.of(&[30, 90]) }),
        json!({ "url": "specialist", "valueBoolean": draw.below(2) == 0 }),
    ];
    for url in [
        "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT",
        "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-A",
        "https://comfrey.health/fhir/PlanDefinition/RS-SPICT",
        "https://comfrey.health/fhir/PlanDefinition/RS-MCCM",
        "https://comfrey.health/fhir/PlanDefinition/RS-NY-3GI-OPEN",
        "https://example.org/PlanDefinition/set0",
    ] {
        if draw.below(2) == 0 {
            settings.push(json!({ "url": "ruleSet", "valueCanonical": url }));
        }
    }
    if draw.below(2) == 0 {
        settings.push(json!({ "url": "hospicePolicy", "valueCode": "concurrent" }));
        settings.push(json!({ "url": "concurrentLob", "valueCode": draw.of(&["va-dod-ihs", "commercial"]) }));
    }
    json!({ "resourceType": "HealthcareService", "id": draw.of(&PROGRAMS), "active": draw.below(6) > 0,
        "extension": [{ "url": crate::palliative::vocabulary::SETTINGS_EXTENSION, "extension": settings }] })
}

fn a_rule_set(draw: &mut Draw) -> Value {
    let at = draw.below(2);
    json!({ "resourceType": "PlanDefinition", "id": format!("set{at}"), "title": "Lung",
        "url": format!("https://example.org/PlanDefinition/set{at}"), "version": "1",
        "status": draw.of(&["active", "retired"]),
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`it`" } }],
            "action": [{ "id": "it", "title": "COPD", "description": "The patient has the disease.",
                "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": [
                    { "url": "kind", "valueCode": "condition" },
                    { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }] }] }] }] })
}
