//! Those of the sample population whom the programme knows: the agreement, the team and its visits as resources, and the
//! way from the referral to the care plan by the operations that anybody would use.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use serde_json::Value;
use serde_json::json;

use crate::app::Body;
use crate::app::Session;
use crate::fhir::Failure;
use crate::import::population::STAFF_SYSTEM;
use crate::import::population::person::Course;
use crate::import::population::person::Person;
use crate::interactions;
use crate::interactions::Method;
use crate::interactions::Request;
use crate::interactions::perform;

/// The rule set of those of whom some are referred.
const RULE_SET: &str = "RS-CA-ADULT";
/// Of each illness so many who are late in it are referred; the last of them only now.
const REFERRED: u64 = 5;
/// How many days ago the referral came in, the person agreed, and the service started.
const RECEIVED: i64 = 82;
const AGREED: i64 = 77;
const STARTED: i64 = 75;
/// How many days ago the last one was referred.
const LATELY: i64 = 2;
/// How many days ago the team was there: at home, and every other time by telephone.
const VISITS: [i64; 6] = [72, 60, 47, 33, 20, 6];
/// Who is in every team, with the role.
const TEAM: [(&str, &str, &str); 3] = [
    ("sample-team-nurse", "224535009", "Registered nurse"),
    ("sample-team-doctor", "309343006", "Physician"),
    ("sample-team-social-worker", "106328005", "Social worker"),
];
const NAMES: [(&str, &str); 3] = [("Sample", "Noa"), ("Sample", "Ines"), ("Sample", "Sam")];
const PROGRAM: &str = "HealthcareService/default";
const SNOMED: &str = "http://snomed.info/sct";
const STATE: &str = "https://comfrey.health/fhir/CodeSystem/enrollment-state";

/// Those who give the service.
pub fn team() -> impl Iterator<Item = Value> {
    TEAM.iter().zip(NAMES).map(|((id, ..), (family, given))| {
        json!({ "resourceType": "Practitioner", "id": id, "active": true,
            "identifier": [{ "system": STAFF_SYSTEM, "value": id }], "name": [{ "family": family, "given": [given] }] })
    })
}

/// Whether the person is referred, as which of those with the same illness.
fn place(person: &Person) -> Option<u64> {
    let referred = person.course == Course::Late && person.illness.rule_set == RULE_SET;
    (referred && person.late_before < REFERRED).then_some(person.late_before)
}

fn starts(person: &Person) -> bool {
    place(person).is_some_and(|place| place + 1 < REFERRED)
}

/// The agreement, the team and its visits.
pub fn resources(person: &Person) -> Vec<Value> {
    if !starts(person) {
        return Vec::new();
    }
    let visits = VISITS.iter().enumerate().map(|(at, back)| visit(person, at, *back));
    [agreement(person), care_team(person)].into_iter().chain(visits).collect()
}

fn agreement(person: &Person) -> Value {
    let day = person.day(AGREED).to_string();
    json!({ "resourceType": "Consent", "id": person.own("agreement"), "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "treatment" }] },
        "category": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-consent-category",
            "code": "palliative-enrollment" }] }],
        "patient": person.subject(), "dateTime": day, "performer": [person.subject()],
        "policy": [{ "uri": "https://samples.comfrey.health/agreement" }],
        "verification": [{ "verified": true, "verifiedWith": person.subject(), "verificationDate": day }] })
}

fn care_team(person: &Person) -> Value {
    let member = |(id, code, words): &(&str, &str, &str)| {
        json!({ "role": [{ "coding": [{ "system": SNOMED, "code": code, "display": words }] }],
            "member": { "reference": format!("Practitioner/{id}") } })
    };
    let participant: Vec<Value> = TEAM.iter().map(member).collect();
    json!({ "resourceType": "CareTeam", "id": person.own("team"), "status": "active", "subject": person.subject(),
        "participant": participant, "managingOrganization": [{ "reference": "Organization/default" }] })
}

fn visit(person: &Person, at: usize, back: i64) -> Value {
    let (class, code, text) = match at % 2 {
        0 => ("HH", "439708006", "Home visit"),
        _ => ("VR", "185317003", "Telephone encounter"),
    };
    let who = TEAM[at % TEAM.len()].0;
    let day = person.day(back);
    json!({ "resourceType": "Encounter", "id": person.own(&format!("visit-{}", at + 1)), "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "type": [{ "coding": [{ "system": SNOMED, "code": code }], "text": text }],
        "subject": person.subject(), "participant": [{ "individual": { "reference": format!("Practitioner/{who}") } }],
        "period": { "start": format!("{day}T19:00:00Z"), "end": format!("{day}T20:00:00Z") },
        "serviceProvider": { "reference": "Organization/default" } })
}

/// Refers the person and leads them as far as the record does: to the care plan where they are eligible.
///
/// # Errors
/// A sentence that says at which step it went wrong.
pub fn follow(session: &Session, person: &Person) -> Result<(), String> {
    if place(person).is_none() {
        return Ok(());
    }
    let way = Way { session, person };
    way.go().map_err(|failure| {
        let why: Vec<&str> = failure.issues.iter().map(|issue| issue.text.as_str()).collect();
        format!("{} cannot be followed: {}", person.id, why.join(" "))
    })
}

/// One person's way.
struct Way<'a> {
    session: &'a Session,
    person: &'a Person<'a>,
}

impl Way<'_> {
    fn go(&self) -> Result<(), Failure> {
        let starts = starts(self.person);
        let episode = self.refer(if starts { RECEIVED } else { LATELY })?;
        if !starts {
            return Ok(());
        }
        self.act(&episode, vec![code("action", "screen"), self.day("effectiveDate", RECEIVED - 1)])?;
        // Who lacks an attestation waits for it.
        match self.act(&episode, vec![code("action", "determine"), self.day("effectiveDate", RECEIVED - 2)]) {
            Ok(found) if state_of(&found) == Some("eligible") => {}
            Ok(_) => return Ok(()),
            Err(failure) if failure.status() == 422 => return Ok(()),
            Err(failure) => return Err(failure),
        }
        let agreement = vec![
            code("action", "consent"),
            self.day("effectiveDate", AGREED),
            reference("consent", &format!("Consent/{}", self.person.own("agreement"))),
            code("decidedBy", "patient"),
        ];
        self.act(&episode, agreement)?;
        let tier = if place(self.person).is_some_and(|place| place % 2 == 0) { "tier-3" } else { "tier-2" };
        let enrolment = vec![
            self.day("startDate", STARTED),
            code("setting", "home"),
            reference("coverage", &format!("Coverage/{}", self.person.own("coverage"))),
            reference("careTeam", &format!("CareTeam/{}", self.person.own("team"))),
            code("tier", tier),
        ];
        self.post(&format!("EpisodeOfCare/{episode}/$palliative-enroll"), enrolment)?;
        self.post(&format!("EpisodeOfCare/{episode}/$palliative-careplan"), vec![code("mode", "apply")])
            .map(drop)
    }

    /// The id of the new episode.
    fn refer(&self, back: i64) -> Result<String, Failure> {
        let referral = vec![
            reference("program", PROGRAM),
            json!({ "name": "requester", "valueReference": self.person.doctor() }),
            code("source", "clinician"),
            self.day("receivedDate", back),
        ];
        let found = self.post(&format!("Patient/{}/$palliative-refer", self.person.id), referral)?;
        let id = episode_in(&found).and_then(|episode| episode["id"].as_str());
        id.map(str::to_owned).ok_or_else(|| Failure::internal("a referral gave no episode"))
    }

    fn act(&self, episode: &str, parameters: Vec<Value>) -> Result<Value, Failure> {
        self.post(&format!("EpisodeOfCare/{episode}/$palliative-transition"), parameters)
    }

    fn day(&self, name: &str, back: i64) -> Value {
        json!({ "name": name, "valueDate": self.person.day(back).to_string() })
    }

    fn post(&self, path: &str, parameters: Vec<Value>) -> Result<Value, Failure> {
        let body = json!({ "resourceType": "Parameters", "parameter": parameters });
        let body = Some(interactions::Body::Resource(body));
        let answer = perform(self.session, Request { body, ..Request::new(Method::Post, path) })?;
        match answer.body {
            Body::Value(value) => Ok(value),
            Body::Stored(bytes) => serde_json::from_slice(&bytes).map_err(Failure::internal),
            Body::Empty => Ok(Value::Null),
        }
    }
}

fn code(name: &str, code: &str) -> Value {
    json!({ "name": name, "valueCode": code })
}

fn reference(name: &str, to: &str) -> Value {
    json!({ "name": name, "valueReference": { "reference": to } })
}

fn episode_in(answer: &Value) -> Option<&Value> {
    let parts = answer["parameter"].as_array()?;
    parts.iter().find(|one| one["name"] == "episode").map(|one| &one["resource"])
}

fn state_of(answer: &Value) -> Option<&str> {
    let extensions = episode_in(answer)?["extension"].as_array()?;
    let state = extensions.iter().find(|one| one["valueCoding"]["system"] == STATE)?;
    state["valueCoding"]["code"].as_str()
}
