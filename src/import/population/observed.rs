//! What was measured, asked and attested of a person of the sample population.
//! <https://hl7.org/fhir/R4/observation.html>

use jiff::civil::Date;
use serde_json::Number;
use serde_json::Value;
use serde_json::json;

use crate::import::population::archetypes::Measurement;
use crate::import::population::identity::caregiver_id;
use crate::import::population::person::Course;
use crate::import::population::person::Person;

const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";
/// Which of those late in an illness nobody has yet asked the surprise question about: one of so many.
const UNASKED: i64 = 18;

/// All of them.
pub fn resources(person: &mut Person) -> Vec<Value> {
    let illness = person.illness;
    let mut all = Vec::new();
    for measurement in &illness.observations {
        all.extend(measured(person, measurement));
    }
    if !illness.child && !illness.well {
        for measurement in &person.from.assessments {
            all.extend(measured(person, measurement));
        }
        all.push(symptoms(person));
    }
    if !illness.child && person.has_caregiver() {
        for mut strain in measured(person, &person.from.strain) {
            strain["focus"] = json!([{ "reference": format!("RelatedPerson/{}", caregiver_id(person)) }]);
            all.push(strain);
        }
    }
    all.extend(attestations(person));
    all
}

/// The newest value, and the one before where the course shows in it.
fn measured(person: &mut Person, what: &Measurement) -> Vec<Value> {
    let day = person.day_in(what.back);
    if let Some(answers) = &what.answers {
        let possible = person.of(&answers.early, &answers.late).as_slice();
        let answer = person.draw.one_of(possible);
        let concept = answer.map(|answer| {
            json!({ "text": answer.text, "coding": [{ "system": answer.system, "code": answer.code }] })
        });
        let mut one = observation(person, what, day);
        one["valueCodeableConcept"] = concept.unwrap_or_default();
        return vec![one];
    }
    let steps = person.draw.between(*person.of(&what.early, &what.late));
    let mut newest = observation(person, what, day);
    newest["valueQuantity"] = quantity(what, steps);
    let mut all = vec![newest];
    if what.before > 0 && person.course == Course::Late {
        let mut before = observation(person, what, person.day(what.back[1] + 110));
        before["id"] = format!("{}-before", before["id"].as_str().unwrap_or_default()).into();
        before["valueQuantity"] = quantity(what, steps + what.before);
        all.push(before);
    }
    all
}

fn quantity(what: &Measurement, steps: i64) -> Value {
    let value = match what.step {
        // Tenths are the only step below one.
        Some(step) if step < 1.0 => Number::from_f64(steps as f64 / 10.0).unwrap_or_else(|| steps.into()),
        step => (steps * step.unwrap_or(1.0) as i64).into(),
    };
    json!({ "value": value, "unit": what.unit, "system": "http://unitsofmeasure.org", "code": what.unit })
}

fn observation(person: &Person, what: &Measurement, day: Date) -> Value {
    let coding = json!({ "system": what.system, "code": what.code, "display": what.text });
    base(person, (&what.code, &what.category), json!({ "coding": [coding], "text": what.text }), day)
}

fn base(person: &Person, (name, category): (&str, &str), code: Value, day: Date) -> Value {
    json!({ "resourceType": "Observation", "id": person.own(name), "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": category }] }],
        "code": code, "subject": person.subject(), "effectiveDateTime": format!("{day}T17:00:00Z"),
        "performer": [person.doctor()] })
}

/// The Edmonton Symptom Assessment System, with an item a component.
fn symptoms(person: &mut Person) -> Value {
    let asked = &person.from.symptoms;
    let day = person.day_in(asked.back);
    let component = |[item, text]: &[String; 2]| {
        let score = person.draw.between(*person.of(&asked.early, &asked.late));
        let is_worst = person.illness.worst.contains(item);
        let score = if is_worst { (score + asked.worst).min(10) } else { score };
        json!({ "code": { "coding": [{ "system": LOCAL, "code": format!("esas-{item}") }], "text": text },
            "valueQuantity": { "value": score, "unit": "{score}", "system": "http://unitsofmeasure.org",
                "code": "{score}" } })
    };
    let components: Vec<Value> = asked.items.iter().map(component).collect();
    let code = json!({ "coding": [{ "system": LOINC, "code": "112503-8" }],
        "text": "Edmonton Symptom Assessment System panel" });
    let mut panel = base(person, ("esas", "survey"), code, day);
    panel["component"] = components.into();
    panel
}

fn attestations(person: &mut Person) -> Vec<Value> {
    let unasked = person.draw.between([1, UNASKED]) == 1;
    let day = person.day_in([5, 40]);
    let mut all = Vec::new();
    for (code, says) in person.course_of(&person.illness.attestations) {
        if unasked && code == "surprise-question-12m" {
            continue;
        }
        let text = person.from.attested.get(code).map_or(code.as_str(), String::as_str);
        let coding = json!({ "system": LOCAL, "code": code, "display": text });
        let mut one = base(person, (code, "survey"), json!({ "coding": [coding], "text": text }), day);
        one["valueBoolean"] = (*says).into();
        all.push(one);
    }
    all
}
