//! What a run of payable months reads through a session: people with all that counts, many in one query; and the
//! runs that are kept. <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! A run sees one state of the database from its first row to its last.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Once;
use crate::app::Session;
use crate::app::extent;
use crate::app::job::require_hold;
use crate::app::once;
use crate::app::persons::persons;
use crate::app::screening::about;
use crate::app::voided;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::search::Visible;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::PaymentRun;
use crate::store::Stored;
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
        types.iter().try_for_each(|name| self.require_all(Action::Read, name))
    }

    /// Refuses a caller who may not do this with the resources of a type of all patients.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_all(&self, action: Action, name: &str) -> Result<(), Failure> {
        let Some(ty) = ResourceType::parse(name) else { return Ok(()) };
        self.require(action, ty)?;
        if self.caller().visible(action, ty) == Visible::All {
            return Ok(());
        }
        let text = format!(
            "This is about many patients, and the access token is held to some; it takes a scope such as \
             `system/{ty}.{}`.",
            action.letter()
        );
        Err(Failure::new(Reason::Forbidden, text))
    }

    /// The programmes that have episodes, by their references; and why, of one that cannot be read.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn programs_in_use(&self) -> Result<BTreeMap<String, Result<Program, Failure>>, Failure> {
        let ty = ResourceType::parse("HealthcareService").expect("HealthcareService is a type of R4");
        let (ids, stored) = self.app.db.snapshot(|conn| {
            let ids = payment::programs(conn)?;
            let mut stored = Vec::new();
            for chunk in ids.chunks(CHUNK) {
                stored.extend(payment::named(conn, ty, chunk)?);
            }
            Ok((ids, stored))
        })?;
        let gone = |id: &String| {
            let text = format!("There is no HealthcareService/{id} here any more.");
            (format!("HealthcareService/{id}"), Err(coded(Reason::NotFound, "program-not-found", text)))
        };
        let mut programs: BTreeMap<_, _> = ids.iter().map(gone).collect();
        for one in stored {
            let program = Program::read(&Resource::from_value(one.value()?)?);
            programs.insert(format!("HealthcareService/{}", one.id), program);
        }
        Ok(programs)
    }

    /// What `visit` makes of each person with an episode in one of these programmes (all where none is named), or of
    /// these patients where any are named, for so many months. Patients that are linked as records of one person are one person.
    ///
    /// # Errors
    /// 422 `too-costly` for so many people and months that one request may not read them; 404 `patient-not-found` for a
    /// named patient who is not here; what the database fails with.
    pub fn people<T>(
        &self,
        (programs, patients): (&[String], &[String]),
        months: usize,
        visit: impl Fn(&Chart) -> T,
    ) -> Result<Vec<T>, Failure> {
        let ids = |references: &[String]| -> Vec<String> {
            references.iter().filter_map(|one| Some(one.split_once('/')?.1.to_owned())).collect()
        };
        let (programs, patients) = (ids(programs), ids(patients));
        let extent = if self.is_later() { extent::LATER } else { extent::AT_ONCE };
        extent.check(patients.len(), months)?;
        self.app.db.snapshot(|conn| {
            let members = match patients.is_empty() {
                true => payment::members(conn, &programs, &states(), extent.members + 1)?,
                false => patients.clone(),
            };
            extent.check(members.len(), months)?;
            must_be_there(conn, &patients)?;
            let mut results = Vec::new();
            let persons = persons(conn, &members, self.base_url())?;
            for chunk in persons.chunks(CHUNK) {
                self.progress(results.len(), persons.len())?;
                results.extend(charts(conn, chunk, self)?.iter().map(&visit));
            }
            Ok(results)
        })
    }

    /// The first month of an episode for which a kept run has something payable.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn paid_month(&self, episode: &str) -> Result<Option<String>, Failure> {
        self.app.db.read(|conn| Ok(payment::paid_month(conn, episode)?))
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
    /// `BusinessRule` where the key was used for another request; `Precondition` where one of its episodes was voided
    /// since it was read; what the database fails with.
    pub fn keep_run(&self, run: PaymentRun, once: Option<&Once>, answer: Answer) -> Result<Answer, Failure> {
        let once = Arc::new(self.scoped(once));
        // What is kept is made before: nobody else writes while a transaction does.
        let made = once.as_ref().as_ref().map(|_| once::made(&answer)).transpose()?;
        let kept = Arc::new((run, answer, made));
        let now = self.now();
        let mut tries = 0;
        loop {
            tries += 1;
            let (once, kept, hold) = (Arc::clone(&once), Arc::clone(&kept), self.hold());
            let done = self.app.db.write(move |conn| {
                require_hold(conn, hold.as_ref())?;
                let (run, answer, made) = &*kept;
                if let Some(once) = &*once
                    && let Some(before) = once::claim(conn, once, now)?
                {
                    return Ok(before);
                }
                payment::keep(conn, run)?;
                voided::are_meant(conn, run)?;
                if let (Some(once), Some(made)) = (&*once, made) {
                    once::keep_made(conn, once, made)?;
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
pub(super) fn states() -> Vec<&'static str> {
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

/// Refuses named patients who are not here.
fn must_be_there(conn: &mut Conn, patients: &[String]) -> Result<(), Fault> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    for chunk in patients.chunks(CHUNK) {
        let found: BTreeSet<String> =
            payment::named(conn, ty, chunk)?.into_iter().map(|one| one.id).collect();
        if let Some(id) = chunk.iter().find(|id| !found.contains(*id)) {
            let text = format!("There is no Patient/{id} here.");
            return Err(Fault::Refused(coded(Reason::NotFound, "patient-not-found", text)));
        }
    }
    Ok(())
}

/// The chart of each person, with the PractitionerRoles that take part.
fn charts(conn: &mut Conn, persons: &[Vec<String>], session: &Session) -> Result<Vec<Chart>, Fault> {
    let base_url = session.base_url();
    let mut resources = of_persons(conn, (persons, &PAYMENT_TYPES), session)?;
    let roles = |own: &Vec<Resource>| own.iter().flat_map(|one| roles_in(one, base_url)).collect();
    let roles: Vec<BTreeSet<String>> = resources.iter().map(roles).collect();
    let ty = ResourceType::parse("PractitionerRole").expect("PractitionerRole is a type of R4");
    let named: BTreeSet<String> = roles.iter().flatten().cloned().collect();
    let named: Vec<String> = named.into_iter().collect();
    for stored in payment::named(conn, ty, &named)? {
        let role = Resource::from_value(session.relative(stored.value()?))?;
        for (own, wanted) in resources.iter_mut().zip(&roles) {
            if wanted.contains(&stored.id) {
                own.push(role.clone());
            }
        }
    }
    Ok(resources.into_iter().map(Chart::new).collect())
}

/// What is on file of these types about each person. What was imported without the base URL may name what is here by its
/// whole URL.
pub(super) fn of_persons(
    conn: &mut Conn,
    (persons, types): (&[Vec<String>], &[&str]),
    session: &Session,
) -> Result<Vec<Vec<Resource>>, Fault> {
    let types: Vec<ResourceType> = types.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let ids: Vec<String> = persons.iter().flatten().cloned().collect();
    let stored = payment::compartments(conn, &ids, &types)?;
    by_person(stored, persons, session)
}

/// Of these the ones that are about each person.
pub(super) fn by_person(
    stored: Vec<Stored>,
    persons: &[Vec<String>],
    session: &Session,
) -> Result<Vec<Vec<Resource>>, Fault> {
    let place_of: BTreeMap<&str, usize> = persons
        .iter()
        .enumerate()
        .flat_map(|(place, ids)| ids.iter().map(move |id| (id.as_str(), place)))
        .collect();
    let mut resources: Vec<Vec<Resource>> = vec![Vec::new(); persons.len()];
    for stored in stored {
        let resource = Resource::from_value(session.relative(stored.value()?))?;
        // The compartment also holds what refers to a patient in another way: the coverage of one whom they insure.
        let place = about(&resource, session.base_url()).and_then(|id| place_of.get(id));
        if let Some(&place) = place {
            resources[place].push(resource);
        }
    }
    Ok(resources)
}

/// The PractitionerRoles that take part.
fn roles_in(resource: &Resource, base_url: &str) -> Vec<String> {
    let of = |name: &str, place: &'static str| {
        list(resource.get(name)).filter_map(move |one| one.pointer(place)?.as_str()).collect::<Vec<_>>()
    };
    let mut all = of("participant", "/member/reference");
    all.extend(of("participant", "/individual/reference"));
    all.extend(resource.text("/careManager/reference"));
    all.iter().filter_map(|one| id_of(one, "PractitionerRole", base_url)).map(str::to_owned).collect()
}

/// The id in a reference to a resource of this type here, of whichever version.
fn id_of<'a>(text: &'a str, ty: &str, base_url: &str) -> Option<&'a str> {
    Reference::parse_under(text, base_url).local().filter(|local| local.ty.name() == ty).map(|local| local.id)
}
