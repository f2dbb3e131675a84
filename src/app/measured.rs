//! What a measure reads through a session: people with all that counts, many in a few queries.
//! <https://hl7.org/fhir/R4/clinicalreasoning-quality-reporting.html>
//!
//! A report sees one state of the database from its first row to its last, and has some hundred people at once in memory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::access::Action;
use crate::app::Session;
use crate::app::extent;
use crate::app::payment::by_person;
use crate::app::payment::of_persons;
use crate::app::payment::states;
use crate::app::persons::persons;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::list;
use crate::palliative::identify::members_within;
use crate::palliative::measures::residence::HOUSING;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;
use crate::search::Visible;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::measured;
use crate::store::payment;

/// What a measure is made from: who may not read all of it gets no report.
pub const MEASURED_TYPES: [&str; 5] = ["Coverage", "Encounter", "EpisodeOfCare", "Observation", "Patient"];

/// What is read whole of each person; of Observations only the answers that count.
const WHOLE: [&str; 4] = ["Coverage", "Encounter", "EpisodeOfCare", "Patient"];

/// How many people are read at once.
const CHUNK: usize = 100;

/// Of whom a measure is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All who had an episode in these programmes, by their ids; in any where none is named.
    Enrolled(Vec<String>),
    /// These patients, by their ids.
    Members(Vec<String>),
    /// One patient, by id.
    One(String),
}

impl Session {
    /// Refuses a caller who may not read these types of a patient: what is counted must not be less than there is.
    ///
    /// # Errors
    /// `Forbidden`, with the type.
    pub fn require_reading_of(&self, patient: &str, types: &[&str]) -> Result<(), Failure> {
        self.require_reading(types)?;
        for ty in types.iter().filter_map(|name| ResourceType::parse(name)) {
            let seen = match self.caller().visible(Action::Read, ty) {
                Visible::All => true,
                Visible::Nothing => false,
                Visible::Patients(patients) | Visible::Whole(patients) => {
                    patients.iter().any(|id| id == patient)
                }
            };
            if !seen {
                let text = format!("The access token does not allow to read each {ty} of this patient.");
                return Err(Failure::new(Reason::Forbidden, text));
            }
        }
        Ok(())
    }

    /// The ids of the Patients who belonged to a Group at any time of a period.
    ///
    /// # Errors
    /// As [`Session::members_of`].
    pub fn members_within(
        &self,
        group: &str,
        program: &Program,
        period: Stretch,
    ) -> Result<Vec<String>, Failure> {
        let ty = ResourceType::parse("Group").expect("Group is a type of R4");
        let group = Resource::from_value(self.read(ty, group)?.value()?)?;
        members_within(&group, (program, period), self.base_url())
    }

    /// What `visit` makes of each person, for so many months. Patients that are linked as records of one person are one;
    /// of one patient only for a caller who may read all that counts of all patients.
    ///
    /// # Errors
    /// 422 `too-costly` for so many people and months that one request may not read them; what the database fails with.
    pub fn measured<T>(
        &self,
        whom: &Whom,
        months: usize,
        visit: impl Fn(&Chart) -> T,
    ) -> Result<Vec<T>, Failure> {
        let extent = if self.is_later() { extent::LATER } else { extent::AT_ONCE };
        let sees_all = |ty| self.caller().visible(Action::Read, ty) == Visible::All;
        let linked = MEASURED_TYPES.iter().filter_map(|name| ResourceType::parse(name)).all(sees_all);
        self.app.db.snapshot(|conn| {
            let members = match whom {
                Whom::Enrolled(programs) => payment::members(conn, programs, &states(), extent.members + 1)?,
                Whom::Members(ids) => ids.clone(),
                Whom::One(id) => vec![id.clone()],
            };
            extent.check(members.len(), months)?;
            let persons = match linked {
                true => persons(conn, &members, self.base_url())?,
                false => members.into_iter().map(|id| vec![id]).collect(),
            };
            let mut results = Vec::new();
            for chunk in persons.chunks(CHUNK) {
                self.progress(results.len(), persons.len())?;
                results.extend(charts(conn, chunk, self)?.iter().map(&visit));
            }
            Ok(results)
        })
    }
}

/// The chart of each person, with the Locations of the encounters.
fn charts(conn: &mut Conn, persons: &[Vec<String>], session: &Session) -> Result<Vec<Chart>, Fault> {
    let mut all = of_persons(conn, (persons, &WHOLE), session)?;
    let ids: Vec<String> = persons.iter().flatten().cloned().collect();
    let answers = measured::observations(conn, &ids, HOUSING)?;
    for (own, answers) in all.iter_mut().zip(by_person(answers, persons, session)?) {
        own.extend(answers);
    }
    let named: Vec<BTreeSet<String>> = all.iter().map(|own| own.iter().flat_map(places).collect()).collect();
    let every: BTreeSet<String> = named.iter().flatten().cloned().collect();
    let every: Vec<String> = every.into_iter().collect();
    let ty = ResourceType::parse("Location").expect("Location is a type of R4");
    let mut known = BTreeMap::new();
    for chunk in every.chunks(CHUNK) {
        for stored in payment::named(conn, ty, chunk)? {
            known.insert(stored.id.clone(), Resource::from_value(session.relative(stored.value()?))?);
        }
    }
    for (own, named) in all.iter_mut().zip(&named) {
        own.extend(named.iter().filter_map(|id| known.get(id)).cloned());
    }
    Ok(all.into_iter().map(Chart::new).collect())
}

/// The ids of the Locations at which an encounter took place.
fn places(resource: &Resource) -> Vec<String> {
    let named = list(resource.get("location")).filter_map(|one| one.pointer("/location/reference")?.as_str());
    let local = named.filter_map(|text| Reference::parse(text).local());
    local.filter(|local| local.ty.name() == "Location").map(|local| local.id.to_owned()).collect()
}
