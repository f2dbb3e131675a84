//! What a run of payable months reads through a session: people with all that counts, many in one query; and the
//! runs that are kept. <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! A run sees one state of the database from its first row to its last.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Once;
use crate::app::Session;
use crate::app::once;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::State;
use crate::search::Visible;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::PaymentRun;
use crate::store::payment;

/// What is read of each person.
pub const PAYMENT_TYPES: [&str; 7] =
    ["CareTeam", "Coverage", "Encounter", "EpisodeOfCare", "Flag", "Patient", "RiskAssessment"];

/// How many people are read at once.
const CHUNK: usize = 200;

/// How often a request with an `Idempotency-Key` is tried that met another with the same key.
const TRIES: u32 = 20;

impl Session {
    /// Refuses a caller who may not read all of these types of all patients: what is made of everybody's facts is for
    /// no one who is held to a patient's own.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_reading_all(&self, types: &[&str]) -> Result<(), Failure> {
        self.require_reading(types)?;
        let mut known = types.iter().filter_map(|name| ResourceType::parse(name));
        let held = known.find(|ty| self.caller().visible(Action::Read, *ty) != Visible::All);
        held.map_or(Ok(()), |ty| {
            let text = format!(
                "This is about many patients, and the access token is held to some; it takes a scope such as \
                 `system/{ty}.r`."
            );
            Err(Failure::new(Reason::Forbidden, text))
        })
    }

    /// The programmes that have episodes, as references.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn programs_in_use(&self) -> Result<Vec<String>, Failure> {
        let ids = self.app.db.read(|conn| Ok(payment::programs(conn)?))?;
        Ok(ids.into_iter().map(|id| format!("HealthcareService/{id}")).collect())
    }

    /// What `visit` makes of each person with an episode in one of these programmes (all where none is named), or of
    /// these patients where any are named. Patients that are linked as records of one person are one person.
    ///
    /// # Errors
    /// 404 `patient-not-found` for a named patient who is not here; what the database fails with.
    pub fn people<T>(
        &self,
        (programs, patients): (&[String], &[String]),
        visit: impl Fn(&Chart) -> T,
    ) -> Result<Vec<T>, Failure> {
        let ids = |references: &[String]| -> Vec<String> {
            references.iter().filter_map(|one| Some(one.split_once('/')?.1.to_owned())).collect()
        };
        let (programs, patients) = (ids(programs), ids(patients));
        self.app.db.snapshot(|conn| {
            let members = match patients.is_empty() {
                true => payment::members(conn, &programs, &states())?,
                false => patients.clone(),
            };
            let links = links(conn, &members, !patients.is_empty())?;
            let mut results = Vec::new();
            for chunk in persons(members, &links).chunks(CHUNK) {
                results.extend(charts(conn, chunk)?.iter().map(&visit));
            }
            Ok(results)
        })
    }

    /// The run with this id.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn payment_run(&self, id: &str) -> Result<Option<PaymentRun>, Failure> {
        self.app.db.read(|conn| Ok(payment::find(conn, id)?))
    }

    /// Keeps a run and answers, both once for each `Idempotency-Key`.
    ///
    /// # Errors
    /// `BusinessRule` where the key was used for another request; what the database fails with.
    pub fn keep_run(&self, run: PaymentRun, once: Option<&Once>, answer: Answer) -> Result<Answer, Failure> {
        let once = Arc::new(self.scoped(once));
        let kept = Arc::new((run, answer));
        let now = self.now();
        let mut tries = 0;
        loop {
            tries += 1;
            let (once, kept) = (Arc::clone(&once), Arc::clone(&kept));
            let done = self.app.db.write(move |conn| {
                let (run, answer) = &*kept;
                if let Some(once) = &*once
                    && let Some(before) = once::claim(conn, once, now)?
                {
                    return Ok(before);
                }
                payment::keep(conn, run)?;
                if let Some(once) = &*once {
                    once::keep(conn, once, answer)?;
                }
                Ok(answer.clone())
            });
            match done {
                Err(Fault::Stale) if tries < TRIES => {}
                done => return done.map_err(Fault::into_failure),
            }
        }
    }
}

/// The states of episodes that can be paid for, or whose assessment can be.
fn states() -> Vec<&'static str> {
    let waiting = |state: &State| {
        matches!(
            state,
            State::Referred
                | State::Screening
                | State::Eligible
                | State::Offered
                | State::Consented
                | State::Waitlisted
                | State::EnteredInError
        )
    };
    State::all().filter(|state| !waiting(state)).map(State::code).collect()
}

/// The pairs of Patients that are records of one person.
fn links(conn: &mut Conn, patients: &[String], must_be_there: bool) -> Result<Vec<(String, String)>, Fault> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    let mut links = Vec::new();
    for chunk in patients.chunks(CHUNK) {
        let found = payment::named(conn, ty, chunk)?;
        let missing = chunk.iter().find(|id| must_be_there && !found.iter().any(|one| one.id == **id));
        if let Some(id) = missing {
            let text = format!("There is no Patient/{id} here.");
            return Err(Fault::Refused(coded(Reason::NotFound, "patient-not-found", text)));
        }
        // Few records are linked, and those that are not need not be parsed here.
        for stored in found.iter().filter(|one| one.body.windows(6).any(|bytes| bytes == b"\"link\"")) {
            let patient = stored.value()?;
            let same = list(patient.get("link")).filter(|link| {
                matches!(link.get("type").and_then(Value::as_str), Some("replaced-by" | "replaces"))
            });
            let others =
                same.filter_map(|link| link.pointer("/other/reference")?.as_str()?.strip_prefix("Patient/"));
            links.extend(others.map(|other| (stored.id.clone(), other.to_owned())));
        }
    }
    Ok(links)
}

/// The ids of each person, in the order of the first of them.
fn persons(members: Vec<String>, links: &[(String, String)]) -> Vec<Vec<String>> {
    let mut group_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for id in members {
        group_of.entry(id.clone()).or_insert_with(|| {
            groups.push(BTreeSet::from([id]));
            groups.len() - 1
        });
    }
    for (one, other) in links {
        let Some(&into) = group_of.get(one) else { continue };
        match group_of.get(other).copied() {
            Some(from) if from == into => {}
            Some(from) => {
                for id in std::mem::take(&mut groups[from]) {
                    group_of.insert(id.clone(), into);
                    groups[into].insert(id);
                }
            }
            None => {
                group_of.insert(other.clone(), into);
                groups[into].insert(other.clone());
            }
        }
    }
    let mut persons: Vec<Vec<String>> = groups
        .into_iter()
        .filter(|group| !group.is_empty())
        .map(|group| group.into_iter().collect())
        .collect();
    persons.sort();
    persons
}

/// The chart of each person.
fn charts(conn: &mut Conn, persons: &[Vec<String>]) -> Result<Vec<Chart>, Fault> {
    let place_of: BTreeMap<&str, usize> = persons
        .iter()
        .enumerate()
        .flat_map(|(place, ids)| ids.iter().map(move |id| (id.as_str(), place)))
        .collect();
    let types: Vec<ResourceType> =
        PAYMENT_TYPES.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let ids: Vec<String> = persons.iter().flatten().cloned().collect();
    let mut resources: Vec<Vec<Resource>> = vec![Vec::new(); persons.len()];
    let mut roles: Vec<BTreeSet<String>> = vec![BTreeSet::new(); persons.len()];
    for stored in payment::compartments(conn, &ids, &types)? {
        let resource = Resource::from_value(stored.value()?)?;
        // The compartment also holds what refers to a patient in another way: the coverage of one whom they insure.
        let Some(&place) = about(&resource).and_then(|id| place_of.get(id)) else { continue };
        roles[place].extend(roles_in(&resource));
        resources[place].push(resource);
    }
    let ty = ResourceType::parse("PractitionerRole").expect("PractitionerRole is a type of R4");
    let named: BTreeSet<String> = roles.iter().flatten().cloned().collect();
    let named: Vec<String> = named.into_iter().collect();
    for stored in payment::named(conn, ty, &named)? {
        let role = Resource::from_value(stored.value()?)?;
        for (own, wanted) in resources.iter_mut().zip(&roles) {
            if wanted.contains(&stored.id) {
                own.push(role.clone());
            }
        }
    }
    Ok(resources.into_iter().map(Chart::new).collect())
}

/// The patient whom a resource is about.
fn about(resource: &Resource) -> Option<&str> {
    if resource.ty().name() == "Patient" {
        return resource.id();
    }
    let mut places = ["/patient/reference", "/subject/reference", "/beneficiary/reference"].into_iter();
    places.find_map(|place| resource.text(place))?.strip_prefix("Patient/")
}

/// The PractitionerRoles that take part.
fn roles_in(resource: &Resource) -> Vec<String> {
    let of = |name: &str, place: &'static str| {
        list(resource.get(name)).filter_map(move |one| one.pointer(place)?.as_str()).collect::<Vec<_>>()
    };
    let mut all = of("participant", "/member/reference");
    all.extend(of("participant", "/individual/reference"));
    all.extend(resource.text("/careManager/reference"));
    all.iter().filter_map(|one| one.strip_prefix("PractitionerRole/")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::persons;

    #[test]
    fn linked_records_are_one_person_whichever_way_and_in_whatever_order_they_are_linked() {
        let ids = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let links = [("b", "x"), ("d", "b"), ("c", "x"), ("gone", "a")];
        let links = links.map(|(one, other)| (one.to_owned(), other.to_owned()));
        let found = persons(ids(&["a", "b", "c", "d", "a"]), &links);
        assert_eq!(found, [ids(&["a"]), ids(&["b", "c", "d", "x"])]);
    }
}
