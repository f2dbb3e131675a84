//! What the palliative operations read and write through a session: a programme, a patient's chart, the acting
//! person, and the changes that a decision asks for. <https://hl7.org/fhir/R4/healthcareservice.html>

use crate::access::Action;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::app::Stored;
use crate::app::Written;
use crate::app::charts::medicines;
use crate::app::screening::about;
use crate::app::screening::named_by;
use crate::app::write::pause;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Actor;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::Side;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::store::tables;

/// The types that decisions about an episode read.
const CHART: [&str; 9] = [
    "CarePlan",
    "CareTeam",
    "Consent",
    "Coverage",
    "EpisodeOfCare",
    "Flag",
    "Goal",
    "Patient",
    "ServiceRequest",
];

/// What else they read of a patient; R4's patient compartment holds neither.
const BESIDE: [&str; 2] = ["GuidanceResponse", "Task"];

/// The types of a chart that stand in the patient's compartment.
pub(super) fn chart_types(further: &[&str]) -> Vec<ResourceType> {
    CHART.iter().chain(further).filter_map(|name| ResourceType::parse(name)).collect()
}

/// Whether what stands in a patient's compartment is a fact about that patient. It also holds what the patient observed,
/// asserted or wrote of somebody else. A team alone need not say whose it is; the episode does.
pub(super) fn belongs_to(resource: &Resource, patient: &str, base_url: &str) -> bool {
    match about(resource, base_url) {
        Some(whom) => whom == patient,
        None => resource.ty().name() == "CareTeam" && resource.get("subject").is_none(),
    }
}

impl Session {
    /// A programme, by the reference to its HealthcareService. It is configuration and no patient's data, so
    /// everyone may learn of it here.
    ///
    /// # Errors
    /// 404 `program-not-found`; `Unprocessable` where its settings are wrong.
    pub fn program(&self, reference: &str) -> Result<Program, Failure> {
        let unknown = || {
            coded(
                Reason::NotFound,
                "program-not-found",
                format!("There is no programme {reference}; give a HealthcareService."),
            )
        };
        let parsed = Reference::parse_under(reference, self.base_url());
        let local =
            parsed.local().filter(|local| local.ty.name() == "HealthcareService").ok_or_else(unknown)?;
        let stored = self.as_service().read(local.ty, local.id).map_err(|failure| match failure.reason {
            Reason::NotFound | Reason::Deleted => unknown(),
            _ => failure,
        })?;
        self.furnished(Program::read(&Resource::from_value(stored.value()?)?)?)
    }

    /// The programme of an episode.
    ///
    /// # Errors
    /// 404 `episode-not-found` where the episode belongs to none.
    pub fn program_of(&self, episode: &Resource) -> Result<Program, Failure> {
        let reference = program_of(episode).ok_or_else(|| {
            coded(
                Reason::NotFound,
                "episode-not-found",
                "This EpisodeOfCare belongs to no palliative programme of ours.",
            )
        })?;
        self.program(reference)
    }

    /// A resource that the caller may see, coded `patient-not-found` or `episode-not-found` where there is none.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn subject(&self, ty: ResourceType, id: &str) -> Result<Resource, Failure> {
        let code = if ty.name() == "Patient" { "patient-not-found" } else { "episode-not-found" };
        let stored = self.read(ty, id).map_err(|failure| match failure.reason {
            Reason::NotFound => coded(Reason::NotFound, code, format!("There is no {ty}/{id} here.")),
            _ => failure,
        })?;
        Resource::from_value(stored.value()?)
    }

    /// The one resource that a search such as `identifier=system|value` finds among what the caller may see.
    ///
    /// # Errors
    /// As [`Session::subject`] where there is none; `MultipleMatches` where there are several.
    pub fn subject_by(&self, ty: ResourceType, criteria: &str) -> Result<Resource, Failure> {
        let found = self.meeting(&self.condition(ty, criteria, 1)?)?;
        let none = || coded(Reason::NotFound, "patient-not-found", format!("There is no such {ty} here."));
        Resource::from_value(found.first().ok_or_else(none)?.value()?)
    }

    /// What the rules read of a patient whom the caller may see. A rule must not pass because the caller may not
    /// see what speaks against it (a hospice election, another episode), so all of it is read.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn chart(&self, patient: &str, further: &[&str]) -> Result<Chart, Failure> {
        let service = self.as_service();
        let mut resources = parsed(&service.compartment(patient, &chart_types(further))?)?;
        resources.retain(|one| belongs_to(one, patient, self.base_url()));
        for name in BESIDE {
            if let Some(ty) = ResourceType::parse(name) {
                resources.extend(parsed(&service.find(ty, &format!("patient=Patient/{patient}"))?)?);
            }
        }
        let named = named_by(resources.iter(), self.base_url());
        if !named.is_empty() {
            resources.extend(self.app.db.read(|conn| medicines(conn, &named))?);
        }
        self.with_elsewhere(Chart::new(resources), patient)
    }

    /// Adds what a parameter refers to, where it is no part of the patient's own record (an Organization).
    pub fn add_to_chart(&self, chart: &mut Chart, reference: &str) {
        let Some(local) = Reference::parse(reference).local() else { return };
        if let Ok(stored) = self.read(local.ty, local.id)
            && let Ok(value) = stored.value()
            && let Ok(resource) = Resource::from_value(value)
        {
            chart.add(resource);
        }
    }

    /// Refuses a caller who may not read all of these types: what an operation tells of them must not tell more
    /// than a search would.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_reading(&self, types: &[&str]) -> Result<(), Failure> {
        let mut known = types.iter().filter_map(|name| ResourceType::parse(name));
        known.try_for_each(|ty| self.require(Action::Read, ty))
    }

    /// Who acts.
    pub fn actor(&self) -> Actor {
        let caller = self.caller();
        let user =
            caller.fhir_user.as_deref().map(|user| crate::fhir::reference::strip_base(user, self.base_url()));
        let local = user.filter(|user| Reference::parse(user).local().is_some());
        let is_patient =
            local.is_some_and(|user| user.starts_with("Patient/") || user.starts_with("RelatedPerson/"));
        // One who is held to a patient's compartment acts for the patient, whatever the token says of the person.
        let held = [Action::Create, Action::Update].into_iter().any(|action| self.is_held(action));
        Actor {
            who: match local {
                Some(user) => Who::Reference(user.to_owned()),
                None => Who::Name(caller.client.clone().unwrap_or_else(|| caller.subject.clone())),
            },
            roles: caller.roles.clone(),
            side: if is_patient || held { Side::Patient } else { Side::Team },
        }
    }

    /// How many people a programme has enrolled now. A number is no patient's data.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn count_enrolled(&self, program: &Program) -> Result<i64, Failure> {
        let enrolled = State::Enrolled.code();
        self.app().db.read(|conn| Ok(tables::count_episodes(conn, &program.id, enrolled)?))
    }

    /// Refuses a change that was made from another version than the current one, or, where the programme asks for
    /// it, one that does not say which.
    ///
    /// # Errors
    /// `Precondition` or `PreconditionRequired`.
    pub fn check_version(
        &self,
        program: &Program,
        episode: &Resource,
        wanted: Option<i64>,
    ) -> Result<(), Failure> {
        match (wanted, version(episode)) {
            (None, _) if program.strict_concurrency => Err(coded(
                Reason::PreconditionRequired,
                "if-match-required",
                "This programme wants `If-Match` with every change; send the episode's ETag.",
            )),
            (Some(wanted), Some(current)) if wanted != current => Err(coded(
                Reason::Precondition,
                "version-mismatch",
                format!("The episode is at version {current}, not {wanted}; read it again."),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a change that was made from another version of the patient's open episode than the current one, where an
    /// operation on the Patient comes to it. None need be named.
    ///
    /// # Errors
    /// `Precondition`.
    pub fn check_open(
        &self,
        program: &Program,
        open: Option<&Resource>,
        wanted: Option<i64>,
    ) -> Result<(), Failure> {
        match (open, wanted) {
            (_, None) => Ok(()),
            (Some(episode), Some(_)) => self.check_version(program, episode, wanted),
            (None, Some(wanted)) => Err(coded(
                Reason::Precondition,
                "version-mismatch",
                format!("No episode is open in this programme, at version {wanted} or any; read it again."),
            )),
        }
    }
}

fn parsed(stored: &[Stored]) -> Result<Vec<Resource>, Failure> {
    stored.iter().map(|one| Resource::from_value(one.value()?)).collect()
}

/// The changes that write these drafts with the caller's own rights.
pub fn changes(drafts: &[Draft]) -> Vec<Change> {
    drafts.iter().map(change).collect()
}

/// The change that writes a draft.
pub(super) fn change(draft: &Draft) -> Change {
    let resource = draft.resource.clone();
    match &draft.place {
        Place::New(name) | Place::Sent(name) => {
            Change::programme(ChangeAction::create(resource)).known_as(name.as_str())
        }
        Place::NewUnless(name, query) => {
            let if_none_exist = Some(query.clone());
            Change::programme(ChangeAction::Create { resource, if_none_exist, id: None })
                .known_as(name.as_str())
        }
        Place::Existing(if_match) => {
            let id = resource.id().unwrap_or_default().to_owned();
            // It needs a name too, or what it refers to among the other drafts would not be resolved.
            let name = format!("urn:comfrey:{}:{id}", resource.ty());
            Change::programme(ChangeAction::update(resource, id, *if_match)).known_as(name)
        }
    }
}

/// Does it again where somebody else was faster, unless the caller named a version.
///
/// # Errors
/// What the last attempt failed with.
pub fn until_current<T>(
    if_match: Option<i64>,
    attempt: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    // Without a version in the request, a failed precondition is one of our own making: the version that was read.
    let is_race = |failure: &Failure| failure.reason == Reason::Precondition;
    for tries in 1..TRIES {
        match attempt() {
            Err(failure) if if_match.is_none() && is_race(&failure) => pause(tries),
            done => return done,
        }
    }
    attempt()
}

/// How often a decision is made anew before the last refusal is told. Each time that one has to begin again, another
/// has been written, so this is how many may come between.
const TRIES: u32 = 200;

/// The first of these that was written of a type, with the JSON as stored.
pub fn first_of(written: &[Written], ty: &str) -> Option<Stored> {
    written.iter().map(|one| &one.stored).find(|stored| stored.ty.name() == ty).cloned()
}
