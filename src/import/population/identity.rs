//! Who a person of the sample population is: the Patient as US Core has it, the coverage, and who cares at home.
//! <https://hl7.org/fhir/us/core/STU6.1/StructureDefinition-us-core-patient.html>

use jiff::ToSpan;
use serde_json::Value;
use serde_json::json;

use crate::import::population::person::Person;

const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition";
const RACE_SYSTEM: &str = "urn:oid:2.16.840.1.113883.6.238";

/// All of them.
pub fn resources(person: &mut Person) -> Vec<Value> {
    let mut all = vec![patient(person), coverage(person)];
    if person.has_caregiver() {
        all.push(caregiver(person));
    }
    all
}

/// The id of who cares for the person at home.
pub fn caregiver_id(person: &Person) -> String {
    person.own("caregiver")
}

fn patient(person: &mut Person) -> Value {
    let background = person.background;
    let given = if person.is_woman { &background.women } else { &background.men };
    let given = person.draw.one_of(given).cloned().unwrap_or_default();
    let family = person.draw.one_of(&background.families).cloned().unwrap_or_default();
    let days = person.age * 365 + person.age / 4 + person.draw.between([20, 340]);
    let born = person.today.saturating_sub(days.days());
    let house = person.draw.between([2, 480]);
    let ethnicity = if background.hispanic {
        ("2135-2", "Hispanic or Latino")
    } else {
        ("2186-5", "Not Hispanic or Latino")
    };
    let [language, spoken] = &background.language;
    json!({ "resourceType": "Patient", "id": person.id, "meta": { "profile": [format!("{US_CORE}/us-core-patient")] },
        "extension": [
            of_race("us-core-race", (&background.race[0], &background.race[1])),
            of_race("us-core-ethnicity", ethnicity) ],
        "identifier": [{ "system": "https://samples.comfrey.health/mrn", "value": person.id }], "active": true,
        "name": [{ "use": "official", "family": family, "given": [given] }],
        "gender": if person.is_woman { "female" } else { "male" }, "birthDate": born.to_string(),
        "address": [{ "line": [format!("{house} Sample Street")], "city": person.site.city, "state": "CA",
            "postalCode": person.site.postal_code, "country": "US" }],
        "communication": [{ "preferred": true,
            "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": language }], "text": spoken } }],
        "generalPractitioner": [{ "reference": format!("Organization/{}", person.site.id) }, person.doctor()] })
}

fn of_race(name: &str, (code, text): (&str, &str)) -> Value {
    json!({ "url": format!("{US_CORE}/{name}"), "extension": [
        { "url": "ombCategory", "valueCoding": { "system": RACE_SYSTEM, "code": code, "display": text } },
        { "url": "text", "valueString": text } ] })
}

fn coverage(person: &mut Person) -> Value {
    let start = person.day_in([400, 1_400]);
    json!({ "resourceType": "Coverage", "id": person.own("coverage"), "status": "active",
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": person.payer.code,
            "display": person.payer.text }] },
        "subscriberId": person.id, "beneficiary": person.subject(),
        "relationship": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
            "code": "self" }] },
        "period": { "start": start.to_string() }, "payor": [{ "display": person.payer.payor }] })
}

fn caregiver(person: &mut Person) -> Value {
    const OF_A_CHILD: [(&str, &str); 2] = [("MTH", "mother"), ("FTH", "father")];
    const OF_AN_ADULT: [(&str, &str); 3] = [("SPS", "spouse"), ("DAUC", "daughter"), ("SONC", "son")];
    let among = if person.illness.child { &OF_A_CHILD[..] } else { &OF_AN_ADULT[..] };
    let (code, text) = person.draw.one_of(among).copied().unwrap_or(OF_AN_ADULT[0]);
    let background = person.background;
    let given = match code {
        "MTH" | "DAUC" => &background.women,
        "FTH" | "SONC" => &background.men,
        _ if person.is_woman => &background.men,
        _ => &background.women,
    };
    let given = person.draw.one_of(given).cloned().unwrap_or_default();
    json!({ "resourceType": "RelatedPerson", "id": caregiver_id(person), "active": true, "patient": person.subject(),
        "relationship": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
            "code": code }], "text": text }],
        "name": [{ "given": [given] }] })
}
