//! What is due by the cadences of the tier, and when.

mod contacts;
mod observed;
mod plans;
mod reviews;
mod urgent;

use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::template::Templates;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Status;
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::gaps::gaps;
use crate::palliative::risk::Algorithms;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

const LOINC: &str = "http://loinc.org";

fn found(world: &World, tier: Tier, day: &str) -> Vec<Gap> {
    let definitions = Definitions::shared().unwrap();
    let assessments = Assessments::compile(&definitions.value_sets).unwrap();
    let algorithms = Algorithms::compile(&definitions).unwrap();
    let algorithm = algorithms.of(&world.program).unwrap();
    let intensity = algorithm.intensity(tier);
    let templates = Templates::compile(&definitions).unwrap();
    let template = templates.find(crate::palliative::vocabulary::TEMPLATE).unwrap();
    world.with_case(world.episode(), |case| {
        let as_of = day.parse().unwrap();
        let planning = Planning { case, template, algorithm, assessments: &assessments, as_of };
        gaps(&Following { planning: &planning, intensity, assessments: &assessments })
    })
}

/// Status and day of a gap.
fn state(found: &[Gap], code: &str) -> Option<(Status, String)> {
    let gap = found.iter().find(|gap| gap.code == code)?;
    Some((gap.status, gap.due.map(|due| due.to_string()).unwrap_or_default()))
}

fn is(status: Status, due: &str) -> Option<(Status, String)> {
    Some((status, due.to_owned()))
}

fn enrolled() -> World {
    let mut world = World::new();
    world.enrolled();
    world
}

fn visit(id: &str, day: &str, class: &str, who: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "subject": { "reference": "Patient/p" }, "serviceProvider": { "reference": "Organization/org" },
        "participant": [{ "individual": { "reference": who } }],
        "period": { "start": day, "end": day } })
}

fn observed(id: &str, coding: (&str, &str), day: &str, value: Value) -> Value {
    let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": day,
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    one
}
