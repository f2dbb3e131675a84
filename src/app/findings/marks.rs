//! Whom a write concerns: noted from the index rows that the write works out anyway, for its own transaction to mark.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::palliative::record::FURTHER_TYPES;
use crate::palliative::record::SCREENED_TYPES;
use crate::palliative::screening::TOPIC_SYSTEM;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;
use crate::search::IndexRows;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::due;
use crate::store::parameter_set;

/// What is read of a patient beside what rule sets read: what a tier rests on, and whether an episode is open.
pub(crate) const BESIDE: [&str; 3] = ["EpisodeOfCare", "Patient", "RiskAssessment"];

/// What stands in no compartment and is read where a patient's resource names it.
pub(crate) const NAMED: [&str; 2] = ["Device", "Medication"];

/// How the JSON of a Patient with links begins to name them, how a death is named, by a Patient or by the state of an
/// episode, and how a Flag says that hospice was elected. There are no escapes in them, as what is stored is written by this service.
const LINK: &str = "\"link\"";
const DECEASED: &str = "\"deceased";
const ELECTION: &str = "\"hospice-election\"";

/// Whom a write concerns.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    subjects: BTreeSet<String>,
    concerns_all: bool,
    /// The URLs of ConceptMaps, of which it is seen at the end whether a programme names them.
    maps: BTreeSet<String>,
}

impl Marks {
    /// Notes a version that is written or that another takes the place of: its index rows and its JSON.
    pub(crate) fn note(&mut self, ty: ResourceType, id: &str, (rows, body): (&IndexRows, &[u8])) {
        let name = ty.name();
        if SCREENED_TYPES.contains(&name) || FURTHER_TYPES.contains(&name) || BESIDE.contains(&name) {
            self.subjects.extend(rows.patients.iter().cloned());
        }
        match name {
            // One that says that it takes another's place concerns that other.
            "Patient" => {
                let others = rows.references.iter().filter(|row| row.target_type == ty.number());
                let others: Vec<&str> = others.map(|row| row.target_id.as_str()).collect();
                self.subjects.extend(others.iter().map(|other| (*other).to_owned()));
                // A death is heard by all records of the person, and so is that it no longer is one person.
                if mentions(body, LINK) || mentions(body, DECEASED) {
                    self.subjects.extend(others.iter().chain(&[id]).map(|one| format!("Patient/{one}")));
                }
            }
            "EpisodeOfCare" if mentions(body, DECEASED) => self.subjects.extend(others(rows)),
            "Flag" if mentions(body, ELECTION) => self.subjects.extend(others(rows)),
            "Device" | "Medication" | "Organization" | "PractitionerRole" => {
                self.subjects.insert(format!("{name}/{id}"));
                let practitioner = ResourceType::parse("Practitioner").map(ResourceType::number);
                let holders = rows.references.iter().filter(|row| Some(row.target_type) == practitioner);
                self.subjects.extend(holders.map(|row| format!("Practitioner/{}", row.target_id)));
            }
            "HealthcareService" => self.concerns_all |= mentions(body, SETTINGS_EXTENSION),
            "PlanDefinition" => self.concerns_all |= mentions(body, TOPIC_SYSTEM),
            "ConceptMap" => {
                let map: Value = serde_json::from_slice(body).unwrap_or_default();
                self.maps.extend(map["url"].as_str().map(str::to_owned));
            }
            _ => {}
        }
    }

    /// Marks them, at the time of the write.
    pub(crate) fn put(&self, conn: &mut Conn, at: Micros) -> Result<(), Fault> {
        if self.concerns_all || self.are_named(conn)? {
            due::change_rules(conn)?;
        }
        Ok(due::mark(conn, self.subjects.iter().map(String::as_str), at)?)
    }

    /// Whether a programme names one of the maps: most maps are for something else, and evaluating everybody is dear.
    fn are_named(&self, conn: &mut Conn) -> Result<bool, Fault> {
        if self.maps.is_empty() {
            return Ok(false);
        }
        // A programme that begins to name one meanwhile is seen below, or is committed after the map.
        due::hold_rules(conn)?;
        let services = ResourceType::parse("HealthcareService").expect("it is a type of R4");
        let stored = parameter_set::stored(conn, services)?;
        let urls: Vec<String> = self.maps.iter().map(|url| in_json(url)).collect();
        let names = |body: &[u8]| urls.iter().any(|url| mentions(body, url));
        Ok(stored.iter().any(|(_, _, body)| mentions(body, SETTINGS_EXTENSION) && names(body)))
    }
}

/// The patients of a resource, as those whose other records hear of it.
fn others(rows: &IndexRows) -> impl Iterator<Item = String> {
    rows.patients.iter().map(|patient| format!("Patient/{patient}"))
}

/// A text as it stands in JSON: a URL of a client's may have letters that are escaped there.
fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

/// Whether the JSON has this text. The marks of a programme and of a rule set are URLs, which need no escapes; one that
/// has them all the same is none that this service would have written.
fn mentions(body: &[u8], text: &str) -> bool {
    !text.is_empty() && body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::rows::ReferenceRow;

    fn ty(name: &str) -> ResourceType {
        ResourceType::parse(name).unwrap()
    }

    fn subjects(name: &str, rows: &IndexRows, body: &str) -> (Vec<String>, bool) {
        let mut marks = Marks::default();
        marks.note(ty(name), "x", (rows, body.as_bytes()));
        (marks.subjects.into_iter().collect(), marks.concerns_all)
    }

    #[test]
    fn a_write_concerns_those_in_whose_compartment_it_stands_if_rules_read_its_type() {
        let rows = IndexRows { patients: vec!["a".into(), "b".into()], ..IndexRows::default() };
        for name in ["Observation", "Consent", "RiskAssessment", "EpisodeOfCare", "Coverage"] {
            assert_eq!(subjects(name, &rows, "{}"), (vec!["a".into(), "b".into()], false), "{name}");
        }
        for name in ["Appointment", "CarePlan", "Task", "Practitioner"] {
            assert_eq!(subjects(name, &rows, "{}"), (vec![], false), "{name}");
        }
    }

    #[test]
    fn a_patient_concerns_those_whom_it_links_to_and_a_medicine_those_who_name_it() {
        let link = ReferenceRow { param: 7, target_type: ty("Patient").number(), target_id: "old".into() };
        let rows = IndexRows { patients: vec!["x".into()], references: vec![link], ..IndexRows::default() };
        assert_eq!(subjects("Patient", &rows, "{}").0, ["old", "x"]);
        let told = subjects("Patient", &rows, r#"{"link":[]}"#).0;
        assert_eq!(told, ["Patient/old", "Patient/x", "old", "x"]);
        let alone = IndexRows { patients: vec!["x".into()], ..IndexRows::default() };
        assert_eq!(subjects("Patient", &alone, r#"{"deceasedBoolean":true}"#).0, ["Patient/x", "x"]);
        assert_eq!(subjects("EpisodeOfCare", &alone, r#"{"code":"deceased"}"#).0, ["Patient/x", "x"]);
        assert_eq!(subjects("EpisodeOfCare", &alone, r#"{"code":"enrolled"}"#).0, ["x"]);
        assert_eq!(subjects("Flag", &alone, r#"{"code":"hospice-election"}"#).0, ["Patient/x", "x"]);
        assert_eq!(subjects("Flag", &alone, r#"{"code":"palliative-enrolled"}"#).0, ["x"]);
        assert_eq!(subjects("Medication", &IndexRows::default(), "{}").0, ["Medication/x"]);
    }

    #[test]
    fn a_programme_and_a_rule_set_concern_everybody_and_their_likes_nobody() {
        let all = |name: &str, body: &str| subjects(name, &IndexRows::default(), body).1;
        assert!(all("HealthcareService", &format!("{{\"url\":\"{SETTINGS_EXTENSION}\"}}")));
        assert!(all("PlanDefinition", &format!("{{\"system\":\"{TOPIC_SYSTEM}\"}}")));
        assert!(!all("HealthcareService", "{\"name\":\"a clinic\"}"));
        assert!(!all("PlanDefinition", "{\"title\":\"a plan\"}"));
    }
}
