//! Which Patients are records of one person, by their links. <https://hl7.org/fhir/R4/valueset-link-type.html>
//!
//! All four types of R4 say of two Patients that they are about the same person: `replaced-by` and `replaces` of a
//! record that was merged into another, `refer` and `seealso` of two that are both in use. A link stands on either of
//! the two records, so that both ways are read; the one against its direction by the index of Patient.link.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::Session;
use crate::app::payment::of_persons;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::findings::read;
use crate::store::payment;

/// How many Patients are looked at in one query.
const CHUNK: usize = 200;
/// How many links may lie between two records of one person.
const MOST_STEPS: usize = 32;
/// How many further records may be found by links.
const MOST_FURTHER: usize = 5000;

/// What other records of a person are read for: a death, and an election of hospice.
const SAID: [&str; 3] = ["EpisodeOfCare", "Flag", "Patient"];

/// The types of links, each of which says that two Patients are records of one person.
pub(crate) const SAME_PERSON: [&str; 4] = ["replaced-by", "replaces", "refer", "seealso"];

impl Session {
    /// Refuses a second open episode of one person under another record (T-17): people are to bring the records together.
    /// The rule reads all records, whatever the caller may see; named is the other one to those who may read it.
    ///
    /// # Errors
    /// 409 `already-open`; 422 `too-costly` where the links do not come to an end; what the database fails with.
    pub fn require_one_episode(&self, patient: &str, program: &Program) -> Result<(), Failure> {
        let others = self.open_under_another_record(patient, program)?;
        if others.is_empty() {
            return Ok(());
        }
        let readable = others.iter().filter(|other| self.read(patient_type(), other).is_ok());
        let named: Vec<String> = readable.map(|other| format!("Patient/{other}")).collect();
        Err(second(&named))
    }

    /// The ids of the other records of a person under which an episode is open in a programme.
    fn open_under_another_record(&self, patient: &str, program: &Program) -> Result<Vec<String>, Failure> {
        self.app().db.read(|conn| {
            let others = others(conn, patient, self.base_url())?;
            open_among(conn, &others, &program.id)
        })
    }

    /// A chart with what other records of the person tell of a death and of hospice, for rules to read.
    ///
    /// # Errors
    /// As [`Session::require_one_episode`] for links that do not come to an end; what the database fails with.
    pub fn with_elsewhere(&self, chart: Chart, patient: &str) -> Result<Chart, Failure> {
        Ok(chart.beside(self.said_elsewhere(patient)?))
    }

    /// What the other records of a person tell of a death and of hospice, whatever the caller may see: the Patients, their
    /// episodes and Flags. Only rules read it, and nobody is shown it.
    ///
    /// # Errors
    /// 422 `too-costly` where the links do not come to an end; what the database fails with.
    pub(super) fn said_elsewhere(&self, patient: &str) -> Result<Vec<Resource>, Failure> {
        self.app().db.read(|conn| {
            let others = others(conn, patient, self.base_url())?;
            if others.is_empty() {
                return Ok(Vec::new());
            }
            Ok(of_persons(conn, (&[others], &SAID), self)?.concat())
        })
    }

    /// Notes with each change that opens an episode in a programme which other records there are of the person.
    ///
    /// # Errors
    /// As [`Session::require_one_episode`].
    pub(super) fn find_other_records(&self, changes: &mut [Prepared]) -> Result<(), Failure> {
        for change in changes {
            let Some((patient, program)) = change.opens() else { continue };
            let is_new = matches!(change.work, Work::Create(_));
            change.other_records = self.app().db.read(|conn| {
                // One that is open already is no second one, whatever was linked since it was opened.
                if !is_new && !open_among(conn, &[patient.to_owned()], program)?.is_empty() {
                    return Ok(Vec::new());
                }
                others(conn, patient, self.base_url())
            })?;
        }
        Ok(())
    }
}

/// The ids of the other records of a person.
fn others(conn: &mut Conn, patient: &str, base_url: &str) -> Result<Vec<String>, Fault> {
    let records = persons(conn, &[patient.to_owned()], base_url)?.concat();
    Ok(records.into_iter().filter(|id| id != patient).collect())
}

/// Those of these records under which an episode is open in a programme.
pub(super) fn open_among(conn: &mut Conn, records: &[String], program: &str) -> Result<Vec<String>, Fault> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let open = read::open_episodes(conn, records)?.into_iter();
    Ok(open.filter(|(_, other)| other == program).map(|(id, _)| id).collect())
}

/// 409: there is an open episode under another record of the person, of which these may be named.
pub(super) fn second(named: &[String]) -> Failure {
    let of = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    let text = format!(
        "Another record of this person{of}, by Patient.link, has an open episode in this programme; go on with that \
         one, or correct the link."
    );
    coded(Reason::Conflict, "already-open", text)
}

fn patient_type() -> ResourceType {
    ResourceType::parse("Patient").expect("Patient is a type of R4")
}

/// The ids of the records of each person, in the order of the first of them.
///
/// # Errors
/// 422 `too-costly` where the links do not come to an end; what the database fails with.
pub(crate) fn persons(
    conn: &mut Conn,
    members: &[String],
    base_url: &str,
) -> Result<Vec<Vec<String>>, Fault> {
    let links = links(conn, members, base_url)?;
    Ok(joined(members, &links))
}

/// The ids of all records of a person, this one among them; this one alone where the links do not come to an end.
pub(crate) fn records(conn: &mut Conn, id: &str, base_url: &str) -> Result<Vec<String>, Fault> {
    match persons(conn, &[id.to_owned()], base_url) {
        Ok(records) => Ok(records.concat()),
        Err(Fault::Refused(_)) => Ok(vec![id.to_owned()]),
        Err(fault) => Err(fault),
    }
}

/// The pairs of Patients that are records of one person, from these on as far as the links lead.
fn links(conn: &mut Conn, members: &[String], base_url: &str) -> Result<BTreeSet<(String, String)>, Fault> {
    let ty = patient_type();
    let mut known: BTreeSet<String> = members.iter().cloned().collect();
    let most = known.len() + MOST_FURTHER;
    let mut next: Vec<String> = members.to_vec();
    let mut links = BTreeSet::new();
    for _ in 0..MOST_STEPS {
        if next.is_empty() || known.len() > most {
            break;
        }
        let mut found = BTreeSet::new();
        for chunk in next.chunks(CHUNK) {
            // Few records are linked, and those that are not need not be parsed here.
            let mut stored = payment::named(conn, ty, chunk)?;
            stored.extend(payment::linking(conn, chunk)?);
            for one in stored.iter().filter(|one| one.body.windows(6).any(|bytes| bytes == b"\"link\"")) {
                found.extend(links_of(one, base_url)?);
            }
        }
        let ends = found.iter().flat_map(|(one, other)| [one, other]);
        next = ends.filter(|id| !known.contains(*id)).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        known.extend(next.iter().cloned());
        links.extend(found);
    }
    if next.is_empty() && known.len() <= most {
        return Ok(links);
    }
    let text = "The links between the Patients lead to more records than one request may read; correct Patient.link, or \
                name the patients.";
    Err(Fault::Refused(Failure::new(Reason::Unprocessable, text).code("too-costly")))
}

/// The pairs that one Patient tells of.
fn links_of(stored: &Stored, base_url: &str) -> Result<Vec<(String, String)>, Failure> {
    let patient = stored.value()?;
    let same = list(patient.get("link")).filter(|link| {
        link.get("type").and_then(Value::as_str).is_some_and(|code| SAME_PERSON.contains(&code))
    });
    let other = |link: &Value| {
        let text = link.pointer("/other/reference")?.as_str()?;
        let local = Reference::parse_under(text, base_url).local()?;
        (local.ty.name() == "Patient").then(|| (stored.id.clone(), local.id.to_owned()))
    };
    Ok(same.filter_map(other).collect())
}

/// The records of each member with all that they are linked to.
fn joined(members: &[String], links: &BTreeSet<(String, String)>) -> Vec<Vec<String>> {
    let mut beside: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (one, other) in links {
        beside.entry(one).or_default().push(other);
        beside.entry(other).or_default().push(one);
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut persons = Vec::new();
    for member in members {
        let mut person = Vec::new();
        let mut open = vec![member.as_str()];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                person.push(id.to_owned());
                open.extend(beside.get(id).into_iter().flatten());
            }
        }
        if !person.is_empty() {
            person.sort();
            persons.push(person);
        }
    }
    persons.sort();
    persons
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn linked_records_are_one_person_whichever_way_and_in_whatever_order_they_are_linked() {
        let ids = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let links = [("b", "x"), ("d", "b"), ("c", "x"), ("gone", "a"), ("y", "x"), ("z", "y"), ("v", "w")];
        let links = links.map(|(one, other)| (one.to_owned(), other.to_owned()));
        let found = joined(&ids(&["a", "b", "c", "d", "a", "e"]), &links.into());
        assert_eq!(found, [ids(&["a", "gone"]), ids(&["b", "c", "d", "x", "y", "z"]), ids(&["e"])]);
    }
}
