//! What is asked, and the patients that it is asked of.

use std::io::Read;
use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;

use crate::connection::Connection;
use crate::connection::Target;

/// How many patients are stored to work on, each with a goal and a care plan.
const PATIENTS: usize = 200;
/// How many of them have a history too, and of how many observations.
const WITH_HISTORY: usize = 20;
const HISTORY: usize = 60;
/// Resources in a generated Bundle.
const BUNDLE: usize = 60;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// `GET Goal/id`
    Read,
    /// `POST Goal`
    Create,
    /// `GET CarePlan?patient=id`
    Search,
    /// `GET Patient/id/$everything`
    Everything,
    /// Transaction Bundles
    Import,
}

impl Kind {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Create => "create",
            Kind::Search => "search",
            Kind::Everything => "everything",
            Kind::Import => "import",
        }
    }
}

/// A request to send.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Vec<u8>,
    /// How many resources it stores.
    pub resources: usize,
}

/// The patients that were stored, and the Bundles to import.
pub struct Prepared {
    run: String,
    bundles: Vec<(Vec<u8>, usize)>,
}

impl Prepared {
    /// Stores the patients, under ids that no other run has, and reads the Bundles.
    pub fn new(target: &Target, bundles: Option<&Path>) -> Result<Self, String> {
        let run = uuid::Uuid::now_v7().simple().to_string();
        let mut connection = Connection::open(target).map_err(|cause| format!("no connection: {cause}"))?;
        for patient in 0..PATIENTS {
            let body = one_patient(&run, patient).to_string();
            let reply = connection.send("POST", "", body.as_bytes()).map_err(|cause| cause.to_string())?;
            if reply.status != 200 {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                return Err(format!("the first patients were refused with {}: {text}", reply.status));
            }
        }
        let bundles = bundles.map(read_bundles).transpose()?.unwrap_or_default();
        Ok(Self { run, bundles })
    }

    /// The n-th request of a kind; nothing where all Bundles are sent.
    pub fn request(&self, kind: Kind, n: usize) -> Option<Request> {
        let (run, one) = (&self.run, n.wrapping_mul(7919) % PATIENTS);
        let get = |path: String| Some(Request { method: "GET", path, body: Vec::new(), resources: 0 });
        match kind {
            Kind::Read => get(format!("/Goal/g{run}-{one}")),
            Kind::Search => get(format!("/CarePlan?patient=p{run}-{one}")),
            Kind::Everything => get(format!("/Patient/p{run}-{}/$everything", n % WITH_HISTORY)),
            Kind::Create => {
                let body = goal(&format!("Patient/p{run}-{one}")).to_string().into_bytes();
                Some(Request { method: "POST", path: "/Goal".into(), body, resources: 1 })
            }
            Kind::Import => {
                let (body, resources) = match self.bundles.is_empty() {
                    true => (generated().to_string().into_bytes(), BUNDLE),
                    false => self.bundles.get(n)?.clone(),
                };
                Some(Request { method: "POST", path: String::new(), body, resources })
            }
        }
    }
}

fn goal(patient: &str) -> Value {
    json!({ "resourceType": "Goal", "lifecycleStatus": "active", "subject": { "reference": patient },
        "description": { "text": "Walk to the garden without stopping for breath" }, "startDate": "2026-03-01" })
}

fn one_patient(run: &str, n: usize) -> Value {
    let subject = json!({ "reference": format!("Patient/p{run}-{n}") });
    let put = |resource: Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap_or(""),
            resource["id"].as_str().unwrap_or("")
        );
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    let mut goal = goal(&format!("Patient/p{run}-{n}"));
    goal["id"] = format!("g{run}-{n}").into();
    let mut entries = vec![
        put(json!({ "resourceType": "Patient", "id": format!("p{run}-{n}"), "birthDate": "1950-04-01",
            "name": [{ "family": "Load", "given": [n.to_string()] }] })),
        put(goal),
        put(
            json!({ "resourceType": "CarePlan", "id": format!("c{run}-{n}"), "status": "active", "intent": "plan",
            "subject": subject, "goal": [{ "reference": format!("Goal/g{run}-{n}") }] }),
        ),
    ];
    if n < WITH_HISTORY {
        let doctor = format!("d{run}-{n}");
        entries.push(put(json!({ "resourceType": "Practitioner", "id": doctor })));
        entries.extend((0..HISTORY).map(|at| {
            let mut weight = weight(&format!("Patient/p{run}-{n}"), at);
            weight["id"] = format!("o{run}-{n}-{at}").into();
            weight["performer"] = json!([{ "reference": format!("Practitioner/{doctor}") }]);
            put(weight)
        }));
    }
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn weight(patient: &str, kilograms: usize) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "subject": { "reference": patient },
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7", "display": "Body weight" }] },
        "valueQuantity": { "value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" } })
}

/// A patient with observations, all new.
fn generated() -> Value {
    let patient = format!("urn:uuid:{}", uuid::Uuid::now_v7());
    let mut entries = vec![json!({ "fullUrl": patient, "request": { "method": "POST", "url": "Patient" },
        "resource": { "resourceType": "Patient", "birthDate": "1950-04-01", "gender": "female" } })];
    entries.extend((1..BUNDLE).map(
        |n| json!({ "request": { "method": "POST", "url": "Observation" }, "resource": weight(&patient, n) }),
    ));
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn read_bundles(folder: &Path) -> Result<Vec<(Vec<u8>, usize)>, String> {
    let say = |cause: &dyn std::fmt::Display| format!("{}: {cause}", folder.display());
    let mut files: Vec<_> =
        std::fs::read_dir(folder).map_err(|cause| say(&cause))?.flatten().map(|one| one.path()).collect();
    files.sort();
    let mut bundles = Vec::new();
    for file in files {
        let mut bytes = std::fs::read(&file).map_err(|cause| say(&cause))?;
        if file.extension().is_some_and(|ending| ending == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).map_err(|cause| say(&cause))?;
        }
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|cause| format!("{}: {cause}", file.display()))?;
        bundles.push((bytes, value["entry"].as_array().map_or(0, Vec::len)));
    }
    Ok(bundles)
}
